package steer_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/topic"
)

// world is a broker of the test's own.
type world struct {
	*query.Topics
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	w := &world{t: t, Topics: &query.Topics{
		Kafka: kafka.Options{Brokers: broker.ListenAddrs()},
		Names: topic.Names{Prefix: topic.DefaultPrefix}, Shards: 4,
	}}
	w.Client, err = w.Kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.Client.Close)
	_, err = kafka.NewAdmin(w.Client, w.Names).EnsureTopics(t.Context(), nil, w.Shards, kafka.EnsureOptions{})
	require.NoError(t, err)
	return w
}

// steerer is what one server, or one command, would have.
func (w *world) steerer() *steer.Steer { return steer.New(steer.Options{Topics: w.Topics}) }

// audits are all audit records, in order.
func (w *world) audits() []audit.Record {
	w.t.Helper()
	var all []audit.Record
	require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.Kafka, w.Names.Audit(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		a, err := topic.DecodeAudit(r.Value)
		require.NoError(w.t, err)
		require.Equal(w.t, a.Key(), string(r.Key))
		all = append(all, a)
		return nil
	}))
	return all
}

// requests are all requests, in order.
func (w *world) requests() []run.Request {
	w.t.Helper()
	var all []run.Request
	require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.Kafka, w.Names.Commands(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		q, err := topic.DecodeRequest(r.Value)
		require.NoError(w.t, err)
		require.Equal(w.t, topic.Partition(q.Job, w.Shards), r.Partition)
		all = append(all, q)
		return nil
	}))
	return all
}

func editor(name string) access.Principal {
	return access.Principal{Name: name, Role: access.Editor, Via: access.API, From: "192.0.2.7"}
}

func backup() job.Job {
	return job.Job{Name: "backup", Schedule: "@daily", Cluster: "cluster-a", Command: []string{"true"}, Env: map[string]string{"KEY": "s3cret"}}
}

func TestAJobIsPutByWhoSawIt(t *testing.T) {
	w := newWorld(t)
	s, ann := w.steerer(), editor("ann")

	made, err := s.PutJob(t.Context(), ann, backup(), steer.NoVersion)
	require.NoError(t, err)
	require.True(t, made.Created)

	changed := backup()
	changed.Schedule, changed.Env = "@hourly", map[string]string{"KEY": "an0ther", "PLAIN": "x"}
	put, err := s.PutJob(t.Context(), ann, changed, made.Version)
	require.NoError(t, err)
	require.False(t, put.Created)
	require.ElementsMatch(t, []string{"schedule", "env"}, put.Fields)

	var stale *steer.VersionError
	_, err = s.PutJob(t.Context(), editor("bob"), backup(), made.Version)
	require.ErrorAs(t, err, &stale)
	require.Equal(t, put.Version, stale.InForce)
	require.Equal(t, "ann", stale.By)
	_, err = s.PutJob(t.Context(), editor("bob"), backup(), steer.NoVersion)
	require.ErrorContains(t, err, "there is a job backup already")

	same, err := s.PutJob(t.Context(), ann, changed, steer.AnyVersion)
	require.NoError(t, err)
	require.Equal(t, put.Version, same.Version)
	require.Len(t, w.audits(), 2, "what is in force already is no change")

	require.ErrorAs(t, s.DeleteJob(t.Context(), ann, "backup", made.Version), &stale)
	require.NoError(t, s.DeleteJob(t.Context(), ann, "backup", put.Version))
	require.ErrorAs(t, s.DeleteJob(t.Context(), ann, "backup", steer.AnyVersion), new(*query.NoJobError))
	_, err = s.PutJob(t.Context(), ann, backup(), put.Version)
	require.ErrorContains(t, err, "not in force any more")

	all := w.audits()
	require.Len(t, all, 3)
	require.Equal(t, []audit.Action{audit.JobPut, audit.JobPut, audit.JobDelete}, []audit.Action{all[0].Action, all[1].Action, all[2].Action})
	require.Empty(t, all[0].Before)
	require.Contains(t, string(all[1].Before), `"@daily"`)
	require.Contains(t, string(all[1].After), `"@hourly"`)
	require.Empty(t, all[2].After)
	for _, a := range all {
		require.Equal(t, "ann", a.By)
		require.Equal(t, access.API, a.Via)
		require.Equal(t, "192.0.2.7", a.From)
		require.NotContains(t, string(a.Before)+string(a.After), "s3cret")
		require.NotContains(t, string(a.Before)+string(a.After), "an0ther")
	}
	require.Contains(t, string(all[1].After), `"KEY":"(hidden, changed)"`)
}

// TestOneOfManyEditorsWins: editors on several servers saw the same version at
// the same time; exactly one of their edits is made, and it is in force.
func TestOneOfManyEditorsWins(t *testing.T) {
	w := newWorld(t)
	made, err := w.steerer().PutJob(t.Context(), editor("ann"), backup(), steer.NoVersion)
	require.NoError(t, err)
	const editors = 6
	won := make(chan string, editors)
	var all sync.WaitGroup
	for i := range editors {
		all.Go(func() {
			j := backup()
			j.Description = fmt.Sprint("by ", i)
			put, err := w.steerer().PutJob(t.Context(), editor(fmt.Sprint("editor-", i)), j, made.Version)
			if err == nil {
				won <- put.Version
				return
			}
			require.ErrorAs(t, err, new(*steer.VersionError))
		})
	}
	all.Wait()
	close(won)
	require.Len(t, won, 1)
	inForce, err := w.Job(t.Context(), "backup")
	require.NoError(t, err)
	require.Equal(t, <-won, inForce.Job.Digest())
	require.Len(t, w.audits(), 2)
}

func TestAJobThatIsNotValidIsRefused(t *testing.T) {
	w := newWorld(t)
	j := backup()
	j.Schedule, j.Overlap = "61 * * * *", "sometimes"
	_, err := w.steerer().PutJob(t.Context(), editor("ann"), j, steer.AnyVersion)
	var invalid *steer.InvalidError
	require.ErrorAs(t, err, &invalid)
	var fields []string
	for _, p := range invalid.Problems {
		fields = append(fields, p.Field)
	}
	require.ElementsMatch(t, []string{"schedule", "overlap"}, fields)
	require.Empty(t, w.audits())
}

// TestOnlyWhoMay: steer asks role and scope, whoever calls it, and nothing is
// written for who may not.
func TestOnlyWhoMay(t *testing.T) {
	w := newWorld(t)
	s := w.steerer()
	j := backup()
	j.Labels = map[string]string{"team": "db"}
	_, err := s.PutJob(t.Context(), editor("ann"), j, steer.AnyVersion)
	require.NoError(t, err)

	limited := func(role access.Role, scope access.Scope) access.Principal {
		return access.Principal{Name: "eve", Role: role, Scope: scope}
	}
	elsewhere := []access.Scope{
		{Clusters: []string{"cluster-b"}},
		{Labels: map[string]string{"team": "web"}},
		{Clusters: []string{"cluster-a"}, Labels: map[string]string{"owner": "db"}},
	}
	stolen := j
	stolen.Labels = map[string]string{"team": "web"}
	acts := map[string]struct {
		needs access.Role
		do    func(access.Principal) error
	}{
		"put": {access.Editor, func(p access.Principal) error {
			_, err := s.PutJob(t.Context(), p, j, steer.AnyVersion)
			return err
		}},
		"delete": {access.Editor, func(p access.Principal) error { return s.DeleteJob(t.Context(), p, "backup", steer.AnyVersion) }},
		"apply": {access.Editor, func(p access.Principal) error {
			return s.Apply(t.Context(), p, steer.Plan(map[string]topic.Job{"backup": {Job: j}}, []job.Job{stolen}, steer.Keep))
		}},
		"pause":  {access.Operator, func(p access.Principal) error { _, err := s.Pause(t.Context(), p, "backup"); return err }},
		"resume": {access.Operator, func(p access.Principal) error { _, err := s.Resume(t.Context(), p, "backup"); return err }},
		"run": {access.Operator, func(p access.Principal) error {
			_, err := s.Run(t.Context(), p, "backup", steer.RunOptions{})
			return err
		}},
		"cancel": {access.Operator, func(p access.Principal) error {
			_, err := s.Cancel(t.Context(), p, query.Found{ID: "r", Job: "backup"})
			return err
		}},
		"requeue": {access.Operator, func(p access.Principal) error {
			_, err := s.Requeue(t.Context(), p, query.Found{ID: "r", Job: "backup"}, "")
			return err
		}},
		"replay": {access.Operator, func(p access.Principal) error {
			_, err := s.Replay(t.Context(), p, query.Found{ID: "r", Job: "backup"}, j, "")
			return err
		}},
		"discard": {access.Operator, func(p access.Principal) error {
			_, err := s.Discard(t.Context(), p, query.Found{ID: "r", Job: "backup"})
			return err
		}},
		"backfill": {access.Operator, func(p access.Principal) error {
			_, err := s.Backfill(t.Context(), p, "backup", steer.Backfill{From: time.Unix(0, 0), To: time.Unix(1, 0)})
			return err
		}},
		"steer backfill": {access.Operator, func(p access.Principal) error {
			_, err := s.SteerBackfill(t.Context(), p, "backup", "b", steer.BackfillCancel)
			return err
		}},
	}
	for name, act := range acts {
		for _, scope := range elsewhere {
			require.ErrorAs(t, act.do(limited(access.Admin, scope)), new(*access.DeniedError), "%s with %v", name, scope)
		}
		for _, role := range access.Roles() {
			if !role.Includes(act.needs) {
				require.ErrorAs(t, act.do(limited(role, access.Scope{})), new(*access.DeniedError), "%s as %s", name, role)
			}
		}
		require.ErrorAs(t, act.do(access.Principal{}), new(*access.DeniedError), "%s without a principal", name)
	}
	require.Len(t, w.audits(), 1)
	require.Empty(t, w.requests())

	// A job cannot be moved out of a scope, nor into one.
	mine := limited(access.Editor, access.Scope{Labels: map[string]string{"team": "db"}})
	_, err = s.PutJob(t.Context(), mine, stolen, steer.AnyVersion)
	require.ErrorAs(t, err, new(*access.DeniedError))
	j.Description = "better"
	_, err = s.PutJob(t.Context(), mine, j, steer.AnyVersion)
	require.NoError(t, err)
}

func TestWhatIsAskedIsNoted(t *testing.T) {
	w := newWorld(t)
	s, ann := w.steerer(), editor("ann")
	_, err := s.PutJob(t.Context(), ann, backup(), steer.NoVersion)
	require.NoError(t, err)
	due := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	ran, err := s.Run(t.Context(), ann, "backup", steer.RunOptions{Env: map[string]string{"TOKEN": "s3cret"}})
	require.NoError(t, err)
	require.Equal(t, run.NewID("backup", ran.Request.At, ran.Request.ID), ran.Run)
	again, err := s.Requeue(t.Context(), ann, query.Found{ID: "dead", Job: "backup", Due: due}, "")
	require.NoError(t, err)
	require.Equal(t, run.NewID("backup", due, again.Request.ID), again.Run)
	_, err = s.Run(t.Context(), ann, "backup", steer.RunOptions{Env: map[string]string{"2X": "y"}})
	require.ErrorContains(t, err, "env.2X")
	_, err = s.Run(t.Context(), ann, "backup", steer.RunOptions{Env: map[string]string{"X": strings.Repeat("y", run.MaxOwnEnv)}})
	require.ErrorContains(t, err, "at most")
	_, err = s.Pause(t.Context(), ann, "nothing")
	require.ErrorAs(t, err, new(*query.NoJobError))

	all := w.audits()
	require.Len(t, all, 3)
	require.Equal(t, ran.Run, all[1].Run)
	require.JSONEq(t, `{"env":["TOKEN"]}`, string(all[1].After))
	require.Equal(t, map[string]string{"TOKEN": "s3cret"}, w.requests()[0].Env)
	require.Equal(t, again.Run, all[2].Run)
	require.Equal(t, audit.RunRequeue, all[2].Action)
	require.Equal(t, "ann", w.requests()[0].By)
}

// TestAKeyAsksOnce: on the same server, on another, and after a restart.
func TestAKeyAsksOnce(t *testing.T) {
	w := newWorld(t)
	s := w.steerer()
	_, err := s.PutJob(t.Context(), editor("ann"), backup(), steer.NoVersion)
	require.NoError(t, err)
	o := steer.RunOptions{Key: strings.Repeat("k", steer.MaxKey)}
	first, err := s.Run(t.Context(), editor("ann"), "backup", o)
	require.NoError(t, err)
	require.False(t, first.Again)
	for _, other := range []*steer.Steer{s, w.steerer()} {
		second, err := other.Run(t.Context(), editor("ann"), "backup", o)
		require.NoError(t, err)
		require.True(t, second.Again)
		require.Equal(t, first.Run, second.Run)
	}
	bobs, err := s.Run(t.Context(), editor("bob"), "backup", o)
	require.NoError(t, err)
	require.NotEqual(t, first.Run, bobs.Run, "another's key is another")
	require.Len(t, w.requests(), 2)

	tomorrow := steer.New(steer.Options{Topics: w.Topics, Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
	late, err := tomorrow.Run(t.Context(), editor("ann"), "backup", o)
	require.NoError(t, err)
	require.False(t, late.Again)
}

func TestPlanNamesWhatChanged(t *testing.T) {
	a, b := backup().WithDefaults(), backup().WithDefaults()
	a.Name, b.Name = "a", "b"
	have := map[string]topic.Job{"a": {Job: a}, "b": {Job: b}}
	changed, fresh := a, a
	changed.Command, changed.Timeout = []string{"false"}, 5*time.Second
	fresh.Name = "c"
	var lines []string
	for _, c := range steer.Plan(have, []job.Job{fresh, changed}, func(j job.Job) bool { return j.Name == "b" }) {
		lines = append(lines, fmt.Sprint(c.Kind, " ", c.Name, " ", c.Fields))
	}
	require.Equal(t, []string{"changed a [command timeout]", "removed b []", "added c []"}, lines)
	require.Empty(t, steer.Plan(have, nil, steer.Keep))
}

// TestApplyWithoutItsTopic says what to do.
func TestApplyWithoutItsTopic(t *testing.T) {
	w := newWorld(t)
	w.Names.Prefix = "elsewhere."
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := w.steerer().Apply(ctx, editor("ann"), steer.Plan(nil, []job.Job{backup()}, steer.Keep))
	require.ErrorContains(t, err, "topics create")
}

func TestMissedDueTimesAreRanges(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 29, 0, minute, 0, 0, time.UTC) }
	var due []time.Time
	for m := range 10 {
		due = append(due, at(m))
	}
	ran := map[time.Time]bool{at(0): true, at(4): true, at(5): true, at(9): true}
	ranges, missed := steer.Missed(due, func(d time.Time) bool { return ran[d] })
	require.Equal(t, 6, missed)
	require.Equal(t, []run.Range{{From: at(1), To: at(3)}, {From: at(6), To: at(8)}}, ranges)
}

func TestBackfillsThatAreNotValid(t *testing.T) {
	s := newWorld(t).steerer()
	many := make([]run.Range, run.MaxRanges+1)
	day := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for field, b := range map[string]steer.Backfill{
		"from":     {To: day},
		"to":       {From: day, To: day.Add(-time.Hour)},
		"parallel": {From: day, To: day, Parallel: run.MaxParallel + 1},
		"ranges":   {From: day, To: day, Ranges: many},
	} {
		_, err := s.Backfill(t.Context(), editor("ann"), "backup", b)
		var invalid *steer.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Len(t, invalid.Problems, 1)
		require.Equal(t, field, invalid.Problems[0].Field)
	}
}
