package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// world is the topics of a fresh broker, and what a test puts there.
type world struct {
	*query.Topics
	t   *testing.T
	due time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	w := &world{t: t, due: time.Now().UTC().Truncate(time.Second), Topics: &query.Topics{
		Kafka: kafka.Options{Brokers: broker.ListenAddrs()},
		Names: topic.Names{Prefix: topic.DefaultPrefix}, Shards: 2,
	}}
	w.Client, err = w.Kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.Client.Close)
	_, err = kafka.NewAdmin(w.Client, w.Names).EnsureTopics(t.Context(), []string{"east"}, w.Shards, kafka.EnsureOptions{})
	require.NoError(t, err)
	return w
}

// put writes a record to the partition of its key, unless told another.
func (w *world) put(name, key string, partition int32, value []byte, err error) {
	w.t.Helper()
	require.NoError(w.t, err)
	r := &kgo.Record{Topic: name, Partition: partition, Key: []byte(key), Value: value}
	require.NoError(w.t, w.Client.ProduceSync(w.t.Context(), r).FirstErr())
}

func (w *world) home(jobName string) int32 { return topic.Partition(jobName, w.Shards) }

func (w *world) define(j job.Job) {
	w.t.Helper()
	value, err := topic.EncodeJob(topic.Job{AppliedAt: w.due, Job: j})
	w.put(w.Names.Jobs(), j.Name, w.home(j.Name), value, err)
}

func (w *world) state(st shard.JobState) {
	w.t.Helper()
	value, err := topic.EncodeState(st)
	w.put(w.Names.State(), st.Job, w.home(st.Job), value, err)
}

func (w *world) event(e run.Event) {
	w.t.Helper()
	if e.At.IsZero() {
		e.At = w.due
	}
	value, err := topic.EncodeEvent(e)
	w.put(w.Names.Events(), e.Job, w.home(e.Job), value, err)
}

// ran writes the events of a run that succeeded.
func (w *world) ran(jobName string, id run.ID, due time.Time, bytes int64) {
	w.t.Helper()
	done := &run.Outcome{State: run.StateSucceeded, StartedAt: due, EndedAt: due, OutputBytes: bytes}
	for _, e := range []run.Event{
		{Type: run.EventEnqueued, NotBefore: due},
		{Type: run.EventFinished, Outcome: done},
		{Type: run.EventEnded, State: run.StateSucceeded},
	} {
		e.Job, e.Run, e.Due, e.Cluster, e.Attempt, e.Fence = jobName, id, due, "east", 1, 1
		w.event(e)
	}
}

func (w *world) wrote(id run.ID, partition int32, attempt int, text string, last bool) {
	w.t.Helper()
	value, err := topic.EncodeOutput(run.Output{Run: id, Attempt: attempt, Data: []byte(text), Last: last})
	w.put(w.Names.Output("east"), string(id), partition, value, err)
}

func TestARunIsFoundWhereItIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.state(shard.JobState{
		Job:      "backup",
		Active:   []shard.Active{{ID: "aa11", Due: w.due, State: run.StateQueued, Cluster: "east", Attempt: 1}},
		Deferred: []shard.Deferred{{ID: "dd11", Due: w.due}},
		Recent:   []shard.Summary{{ID: "cc11", Due: w.due, State: run.StateDead, EndedAt: w.due}},
	})
	w.state(shard.JobState{Job: "report", Recent: []shard.Summary{{ID: "cc22", Due: w.due, State: run.StateSucceeded, EndedAt: w.due}}})
	w.ran("backup", "ee11", w.due.Add(-time.Hour), 0)
	w.ran("backup", "aa99", w.due.Add(-2*time.Hour), 0) // hidden by aa11: the events are not read

	f, err := w.FindRun(t.Context(), "AA")
	require.NoError(t, err)
	require.Equal(t, query.Found{ID: "aa11", Job: "backup", Due: w.due, Cluster: "east"}, f)
	f, err = w.FindRun(t.Context(), "d")
	require.NoError(t, err)
	require.Equal(t, run.ID("dd11"), f.ID)
	f, err = w.FindRun(t.Context(), "cc11")
	require.NoError(t, err)
	require.Equal(t, run.StateDead, f.Ended.State)
	f, err = w.FindRun(t.Context(), "ee")
	require.NoError(t, err)
	require.Equal(t, query.Found{ID: "ee11", Job: "backup", Due: w.due.Add(-time.Hour), Cluster: "east"}, f)

	var several *query.AmbiguousError
	_, err = w.FindRun(t.Context(), "c")
	require.ErrorAs(t, err, &several)
	require.Equal(t, 2, several.Count)
	require.Equal(t, []string{"backup", "report"}, []string{several.Runs[0].Job, several.Runs[1].Job})
	var none *query.NoRunError
	_, err = w.FindRun(t.Context(), "ff")
	require.ErrorAs(t, err, &none)
	require.Equal(t, "ff", none.Prefix)
}

func TestStatusesTellHowJobsStand(t *testing.T) {
	w := newWorld(t)
	w.define(job.Job{Name: "backup", Cluster: "east", Schedule: "0 3 * * *", Timezone: "UTC", Command: []string{"true"}})
	w.define(job.Job{Name: "report", Cluster: "east", Schedule: "0 3 * * *", Timezone: "UTC", Command: []string{"true"}})
	w.define(job.Job{Name: "west", Cluster: "west", Schedule: "0 3 * * *", Timezone: "UTC", Command: []string{"true"}})
	value, err := topic.EncodeJob(topic.Job{Job: job.Job{Name: "stray", Command: []string{"true"}}})
	w.put(w.Names.Jobs(), "stray", 1-w.home("stray"), value, err) // where no scheduler reads it
	w.state(shard.JobState{Job: "report", Paused: true, Recent: []shard.Summary{{ID: "cc22", Due: w.due, State: run.StateDead, EndedAt: w.due}}})
	w.put(w.Names.State(), "backup", w.home("backup"), []byte("no state"), nil)

	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	found, err := w.Statuses(t.Context(), "east", now)
	require.NoError(t, err)
	jobs := found.Jobs
	require.Len(t, jobs, 2)
	require.Equal(t, "backup", jobs[0].Job.Job.Name)
	require.Equal(t, now.Add(15*time.Hour), jobs[0].Next)
	require.Equal(t, run.ReasonUnreadableState, jobs[0].Aside)
	require.True(t, jobs[1].Paused)
	require.Zero(t, jobs[1].Next)
	require.Equal(t, run.StateDead, jobs[1].Last.State)

	found, err = w.Statuses(t.Context(), "", now)
	require.NoError(t, err)
	require.Len(t, found.Jobs, 3)
	_, err = w.Job(t.Context(), "absent")
	require.ErrorAs(t, err, new(*query.NoJobError))
}

func TestRunsAreChosenByStateAndNumber(t *testing.T) {
	w := newWorld(t)
	for n, id := range []run.ID{"a", "b", "c"} {
		w.ran("backup", id, w.due.Add(time.Duration(n)*time.Second), 0)
	}
	w.event(run.Event{Type: run.EventSkipped, Job: "backup", Run: "d", Due: w.due.Add(time.Minute), Reason: run.ReasonOverlap})
	for _, c := range []struct {
		filter query.RunFilter
		want   string
	}{
		{query.RunFilter{}, "d c b a"},
		{query.RunFilter{Limit: 2}, "d c"},
		{query.RunFilter{States: []run.State{run.StateSucceeded}, Limit: 2}, "c b"},
		{query.RunFilter{Job: "report"}, ""},
		{query.RunFilter{Since: time.Now().Add(time.Hour)}, ""},
	} {
		if c.filter.Since.IsZero() {
			c.filter.Since = w.due.Add(-time.Minute)
		}
		runs, err := w.Runs(t.Context(), c.filter)
		require.NoError(t, err)
		var got []string
		for _, r := range runs.Runs {
			got = append(got, string(r.ID))
		}
		require.Equal(t, c.want, strings.Join(got, " "), "%+v", c.filter)
	}
}

func TestAJobThatIsGoneIsExplainedByItsEvents(t *testing.T) {
	w := newWorld(t)
	def, err := w.Definition(t.Context(), "backup")
	require.NoError(t, err)
	require.Nil(t, def.Job)
	var none *query.NoJobError
	_, err = w.Explain(t.Context(), def, w.due, w.due)
	require.ErrorAs(t, err, &none)
	require.Equal(t, w.due, none.Since)

	w.ran("backup", "a", w.due, 0)
	e, err := w.Explain(t.Context(), def, w.due, w.due)
	require.NoError(t, err)
	verdicts := e.Verdicts(w.due, w.due, 0)
	require.Len(t, verdicts, 1)
	require.Equal(t, query.Fate(run.StateSucceeded), verdicts[0].Fate)
}

func TestDeadLettersOfAllClustersAreRead(t *testing.T) {
	w := newWorld(t)
	letter := func(name string, d run.DeadLetter) {
		value, err := topic.EncodeDeadLetter(d)
		w.put(name, "k", 0, value, err)
	}
	letter(w.Names.Dead(), run.DeadLetter{At: w.due.Add(time.Second), Topic: "belfry.jobs", Reason: "no JSON"})
	letter(w.Names.DeadOf("east"), run.DeadLetter{At: w.due, Run: &run.Run{ID: "a", Job: "backup"}})
	letter(w.Names.DeadOf("east"), run.DeadLetter{At: w.due.Add(-time.Hour), Run: &run.Run{ID: "old", Job: "backup"}})
	value, err := topic.EncodeRequest(run.Request{
		Type: run.RequestRequeue, ID: "q", Job: "backup", Run: "a", At: w.due.Add(time.Second),
	})
	w.put(w.Names.Commands(), "backup", topic.Partition("backup", w.Shards), value, err)
	all, err := w.DeadLetters(t.Context(), query.DeadFilter{Since: w.due})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, run.ID("a"), all[0].Run.ID)
	require.True(t, all[0].Requeued)
	require.Equal(t, "no JSON", all[1].Reason)

	some, err := w.DeadLetters(t.Context(), query.DeadFilter{Job: "backup", Cluster: "east"})
	require.NoError(t, err)
	require.Len(t, some, 2)
	require.Equal(t, run.ID("old"), some[0].Run.ID)
	require.False(t, some[0].Requeued)
}

func TestMembersAreThoseThatBeat(t *testing.T) {
	w := newWorld(t)
	beat := func(id string, role member.Role, at time.Time, shards ...int32) {
		value, err := topic.EncodeBeat(member.Beat{ID: id, Role: role, Incarnation: 1, Seq: 1, At: at, StartedAt: at, Shards: shards})
		w.put(w.Names.Members(), id, 0, value, err)
	}
	beat("a", member.RoleWorker, w.due)
	beat("s", member.RoleScheduler, w.due, 1)
	beat("quiet", member.RoleScheduler, w.due.Add(-time.Hour), 0)
	found, err := w.Members(t.Context(), false, w.due)
	require.NoError(t, err)
	require.Equal(t, []int32{0}, found.Unowned)
	status := map[string]member.Status{}
	for _, m := range found.Members {
		status[m.ID] = m.Status
	}
	require.Equal(t, map[string]member.Status{"a": member.StatusLive, "s": member.StatusLive, "quiet": member.StatusSilent}, status)
	require.Equal(t, member.RoleWorker, found.Members[2].Role, "by role")
}

// output collects chunks.
type output struct{ text string }

func (o *output) add(c run.Output) error { o.text += string(c.Data); return nil }

func TestOutputIsReadWhereverItStands(t *testing.T) {
	w := newWorld(t)
	listed, err := kafka.NewAdmin(w.Client, w.Names).ListTopics(t.Context())
	require.NoError(t, err)
	var partitions int32
	for _, l := range listed {
		if l.Name == w.Names.Output("east") {
			partitions = l.Partitions
		}
	}
	require.Greater(t, partitions, int32(1))
	home := topic.Partition("a", partitions)
	w.wrote("a", home, 1, "one ", false)
	w.wrote("b", home, 1, "another's", true)
	w.wrote("a", home, 2, "two", true)
	old := (topic.Partition("c", partitions) + 1) % partitions
	w.wrote("c", old, 1, "older", true)

	var o output
	require.NoError(t, w.Output(t.Context(), query.Found{ID: "a", Due: w.due, Cluster: "east"}, 0, o.add))
	require.Equal(t, "one two", o.text)
	o = output{}
	require.NoError(t, w.Output(t.Context(), query.Found{ID: "a", Due: w.due, Cluster: "east"}, 2, o.add))
	require.Equal(t, "two", o.text)
	o = output{}
	require.NoError(t, w.Output(t.Context(), query.Found{ID: "c", Due: w.due, Cluster: "east"}, 0, o.add))
	require.Equal(t, "older", o.text)
}

// TestARunIsFollowedToItsEnd: its output is complete although the end of the
// run is in the log before that of the output.
func TestARunIsFollowedToItsEnd(t *testing.T) {
	w := newWorld(t)
	f := query.Found{ID: "a", Job: "backup", Due: w.due, Cluster: "east"}
	from, err := w.EventsFrom(t.Context(), "backup", w.due)
	require.NoError(t, err)
	w.ran("backup", "b", w.due, 3) // another's end is not its own
	w.ran("backup", "a", w.due, 3)
	w.wrote("a", 0, 1, "on", false)
	var o output
	end, err := w.Follow(t.Context(), f, from, 0, func(c run.Output) error {
		if o.text == "" {
			w.wrote("a", 0, 1, "e", true)
		}
		return o.add(c)
	})
	require.NoError(t, err)
	require.Equal(t, run.StateSucceeded, end.State)
	require.Equal(t, "one", o.text)
}

func TestWhoFollowsIsToldWhyTheOutputStops(t *testing.T) {
	w := newWorld(t)
	f := query.Found{ID: "a", Job: "backup", Due: w.due, Cluster: "east"}
	from, err := w.EventsFrom(t.Context(), "backup", w.due)
	require.NoError(t, err)
	w.wrote("a", 0, 1, "one", false)
	full := errors.New("the disk is full")
	_, err = w.Follow(t.Context(), f, from, 0, func(run.Output) error {
		w.ran("backup", "a", w.due, 3)
		return full
	})
	require.ErrorIs(t, err, full)

	ctx, cancel := context.WithCancel(t.Context())
	w.wrote("never", 0, 1, "one", false)
	_, err = w.Follow(ctx, query.Found{ID: "never", Job: "backup", Due: w.due, Cluster: "east"}, from, 0,
		func(run.Output) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
}

func TestReadingIsTold(t *testing.T) {
	w := newWorld(t)
	w.define(job.Job{Name: "backup", Cluster: "east", Command: []string{"true"}})
	var topics []string
	records := 0
	w.OnTopic = func(name string) { topics = append(topics, name) }
	w.OnRecord = func() { records++ }
	_, err := w.Job(t.Context(), "backup")
	require.NoError(t, err)
	require.Equal(t, []string{w.Names.Jobs()}, topics)
	require.Equal(t, 1, records)
}
