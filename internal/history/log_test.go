package history_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

const shards = 2

// noon is the present of the tests.
func noon() time.Time { return time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC) }

func names() topic.Names { return topic.Names{Prefix: topic.DefaultPrefix} }

// T is what both testing and rapid offer.
type T interface {
	require.TestingT
	Helper()
	Cleanup(f func())
}

func open(t T, path string) *history.DB {
	d, err := history.Open(context.Background(), history.Options{Path: path, Shards: shards})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// log is a made-up log: the records of each partition, in its order.
type log struct {
	partitions [][]history.Record
	where      map[string]int
	runs       []run.ID
	jobs       []string
}

// add appends a record to a partition. Some offsets are left out, as markers
// and compaction do.
func (l *log) add(name string, partition int32, key string, value []byte, at time.Time, gap int) {
	where := fmt.Sprintf("%s/%d", name, partition)
	i, ok := l.where[where]
	if !ok {
		i = len(l.partitions)
		l.where[where] = i
		l.partitions = append(l.partitions, nil)
	}
	var next int64
	if n := len(l.partitions[i]); n > 0 {
		next = l.partitions[i][n-1].Offset + 1
	}
	l.partitions[i] = append(l.partitions[i], history.Record{
		Topic: name, Partition: partition, Offset: next + int64(gap), At: at, Key: []byte(key), Value: value,
	})
}

// drawLog makes up a log of some jobs: what Belfry writes, in any order, and
// what it never would.
func drawLog(t *rapid.T) *log { return drawLogOf(t, 1, 60) }

func drawLogOf(t *rapid.T, least, most int) *log {
	l := &log{where: map[string]int{}, jobs: []string{"a", "b", "c", "näme with ✓"}}
	for _, name := range l.jobs {
		for i := range 4 {
			l.runs = append(l.runs, run.NewID(name, dueAt(i), ""))
		}
	}
	l.runs = append(l.runs, "text-id", "another")
	g := &drawing{t: t, log: l}
	draws := []func(){g.event, g.event, g.event, g.event, g.event, g.life, g.life, g.output, g.output, g.job, g.state, g.request, g.beats, g.letter, g.entry, g.garbage}
	for range rapid.IntRange(least, most).Draw(t, "records") {
		draws[rapid.IntRange(0, len(draws)-1).Draw(t, "kind")]()
	}
	return l
}

// dueAt is one of few due times, so that they meet.
func dueAt(i int) time.Time { return noon().Add(time.Duration(i-3) * 40 * time.Minute) }

type drawing struct {
	*log
	t    *rapid.T
	seq  int
	beat int64
}

func (g *drawing) n(label string, most int) int { return rapid.IntRange(0, most).Draw(g.t, label) }

func (g *drawing) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(g.t, label)
}

func (g *drawing) at() time.Time {
	return noon().Add(-3 * time.Hour).Add(time.Duration(g.n("at", 4*60*60*1000)) * time.Millisecond)
}

func (g *drawing) put(name, jobName string, value []byte, err error) {
	require.NoError(g.t, err)
	g.add(name, topic.Partition(jobName, shards), jobName, value, g.at(), g.n("gap", 1))
}

func (g *drawing) event() {
	i := g.n("run", len(g.runs)-1)
	e := run.Event{
		Job: g.jobs[min(i/4, len(g.jobs)-1)], Run: g.runs[i], Due: dueAt(i % 4), Cluster: g.one("cluster", "c1", "c2"), At: g.at(),
		Type: run.EventType(g.one("type", "enqueued", "claimed", "starting", "finished", "returned", "dropped", "recalling", "retrying",
			"lost", "ended", "deferred", "withdrawn", "late_report", "skipped", "skipped", "discarded", "backfill", "unheard_of")),
		Attempt: g.n("attempt", 2), Fence: int64(g.n("fence", 3)), By: g.one("by", "w1", "w2"),
		Trigger: run.Trigger(g.one("trigger", "schedule", "catch_up", "manual")),
		State:   run.State(g.one("state", "dead", "cancelled", "skipped", "succeeded", "odd")), Reason: g.one("reason", "", "overlap", "x"),
	}
	if e.Type == run.EventSkipped && g.n("several", 1) == 1 {
		e.Run, e.Through, e.Count = "", e.Due.Add(time.Hour), g.n("count", 3)
	}
	if e.Type == run.EventBackfill {
		e.Run, e.Progress = "", &run.Progress{ID: g.one("backfill", "b1", "b2"), Begun: g.n("begun", 9)}
	}
	if g.n("outcome", 1) == 1 {
		started := g.at()
		e.Outcome = &run.Outcome{
			State: run.State(g.one("outcome state", "succeeded", "failed", "timed_out")), ExitCode: g.n("exit", 2),
			StartedAt: started, EndedAt: started.Add(time.Duration(g.n("took", 100_000)) * time.Millisecond), Tail: g.one("tail", "", "end"),
		}
	}
	if e.Type == run.EventEnqueued {
		e.NotBefore = e.Due
	}
	value, err := topic.EncodeEvent(e)
	g.put(names().Events(), e.Job, value, err)
}

// life is a run that goes well, or not.
func (g *drawing) life() {
	i := g.n("run", len(g.runs)-1)
	e := run.Event{Job: g.jobs[min(i/4, len(g.jobs)-1)], Run: g.runs[i], Due: dueAt(i % 4), Cluster: "c1", Attempt: 1, Fence: 9, By: "w1", Trigger: run.TriggerSchedule}
	at := e.Due.Add(-5 * time.Second)
	for _, kind := range []run.EventType{run.EventEnqueued, run.EventClaimed, run.EventStarting, run.EventFinished} {
		e.Type, e.At = kind, at
		at = at.Add(6 * time.Second)
		e.NotBefore, e.Outcome = time.Time{}, nil
		if kind == run.EventEnqueued {
			e.NotBefore = e.Due
		}
		if kind == run.EventFinished {
			e.Outcome = &run.Outcome{State: run.State(g.one("outcome", "succeeded", "failed")), StartedAt: e.Due, EndedAt: at}
		}
		value, err := topic.EncodeEvent(e)
		g.put(names().Events(), e.Job, value, err)
		if g.n("breaks off", 5) == 5 {
			return
		}
	}
}

// ran adds the events of a run that took so long.
func (l *log) ran(t T, name string, due time.Time, took time.Duration, state run.State) {
	e := run.Event{Job: name, Run: run.NewID(name, due, ""), Due: due, Cluster: "c1", Attempt: 1, Fence: 1, By: "w1", At: due, Trigger: run.TriggerSchedule}
	for _, kind := range []run.EventType{run.EventEnqueued, run.EventFinished} {
		if e.Type = kind; kind == run.EventFinished {
			e.Outcome = &run.Outcome{State: state, StartedAt: due, EndedAt: due.Add(took)}
		}
		value, err := topic.EncodeEvent(e)
		require.NoError(t, err)
		l.add(names().Events(), topic.Partition(name, shards), name, value, due, 0)
	}
}

func (g *drawing) job() {
	name := g.one("job", g.jobs...)
	switch g.n("what", 5) {
	case 0:
		g.put(names().Jobs(), name, nil, nil)
		return
	case 1:
		g.put(names().Jobs(), name, []byte("no job"), nil)
		return
	}
	j := job.Job{
		Name: name, Schedule: g.one("schedule", "*/10 * * * *", "0 3 * * *", "", "bad"), Timezone: "UTC", Cluster: g.one("cluster", "c1", "c2"),
		Command: []string{"make", g.one("what", "report", "Backup")}, Description: g.one("words", "", "Every night"),
		Labels: map[string]string{"team": g.one("team", "x", "y")}, Paused: g.n("paused", 3) == 3,
	}
	value, err := topic.EncodeJob(topic.Job{AppliedAt: g.at(), AppliedBy: g.one("by", "ann", "bob"), Job: j.WithDefaults()})
	g.put(names().Jobs(), name, value, err)
}

func (g *drawing) state() {
	name := g.one("job", g.jobs...)
	switch g.n("what", 3) {
	case 0:
		g.put(names().State(), name, nil, nil)
	case 1:
		p := topic.Partition(name, shards)
		r := topic.ShardRecord{Shard: p, Owner: "s1"}
		if g.n("aside", 1) == 1 {
			r.Aside = []topic.Aside{{Job: name, Reason: "oversized"}}
		}
		value, err := topic.EncodeShard(r)
		require.NoError(g.t, err)
		g.add(names().State(), p, topic.ShardKey, value, g.at(), 1)
	default:
		value, err := topic.EncodeState(shard.JobState{Job: name, Paused: g.n("paused", 1) == 1})
		g.put(names().State(), name, value, err)
	}
}

func (g *drawing) request() {
	name := g.one("job", g.jobs...)
	value, err := topic.EncodeRequest(run.Request{
		Type: run.RequestType(g.one("type", "requeue", "run")), ID: "q", Job: name, At: g.at(), Run: rapid.SampledFrom(g.runs).Draw(g.t, "run"),
	})
	g.put(names().Commands(), name, value, err)
}

func (g *drawing) beats() {
	g.beat++
	b := member.Beat{ID: g.one("member", "s1", "s2", "w1"), Role: member.RoleScheduler, Incarnation: int64(g.n("life", 1)), Seq: g.beat, At: noon().Add(time.Duration(g.beat) * 500 * time.Millisecond)}
	if strings.HasPrefix(b.ID, "w") {
		b.Role, b.Cluster, b.Runs = member.RoleWorker, "c1", member.Slots{Total: 4, Free: g.n("free", 4)}
	}
	b.Leaving = g.n("leaving", 9) == 9
	b.Lanes = 2
	value, err := topic.EncodeBeat(b)
	require.NoError(g.t, err)
	for lane := range int32(b.Lanes) {
		if g.n("lane", 3) > 0 { // one may be away
			g.add(names().Members(), lane, b.ID, value, b.At, 0)
		}
	}
}

func (g *drawing) output() {
	g.seq++
	id := rapid.SampledFrom(g.runs).Draw(g.t, "run")
	data := []byte(g.one("data", "hello", "Error: 2\n", "\x00\xff", "", strings.Repeat("long ", 8000)))
	value, err := topic.EncodeOutput(run.Output{Run: id, Attempt: 1, Fence: int64(g.n("fence", 2)), Seq: g.seq, At: g.at(), Stream: "stdout", Data: data, CutBytes: int64(g.n("cut", 1))})
	require.NoError(g.t, err)
	g.add(names().Output("c1"), topic.Partition(string(id), 2), string(id), value, g.at(), 0)
}

func (g *drawing) letter() {
	d := run.DeadLetter{At: g.at(), By: g.one("by", "w1", "w2"), Reason: g.one("reason", "attempts_used", "Bad JSON")}
	if g.n("run", 1) == 1 {
		d.Run = &run.Run{ID: rapid.SampledFrom(g.runs).Draw(g.t, "run"), Job: g.one("job", g.jobs...), Cluster: "c1", Command: []string{"x"}, Attempt: 1}
	} else {
		d.Topic, d.Offset, d.Value = "belfry.events", int64(g.n("offset", 2)), []byte("{")
	}
	value, err := topic.EncodeDeadLetter(d)
	require.NoError(g.t, err)
	g.add(g.one("topic", names().Dead(), names().DeadOf("c1")), int32(g.n("partition", 1)), "", value, d.At, 0)
}

func (g *drawing) entry() {
	value := fmt.Sprintf(`{"at":%q,"job":%q,"by":%q,"more":{"n":%d}}`, g.at().Format(time.RFC3339), g.one("job", g.jobs...), g.one("by", "ann", "bob"), g.n("n", 9))
	g.add(names().Prefix+g.one("topic", "audit", "notices"), int32(g.n("partition", 1)), "", []byte(value), g.at(), 0)
}

func (g *drawing) garbage() {
	name := g.one("topic", names().Events(), names().Jobs(), names().Members(), names().Output("c1"), names().Dead(), names().Prefix+"audit", names().State(), names().Commands())
	g.add(name, int32(g.n("partition", 1)), g.one("key", "a", "b"), []byte(g.one("value", "", "{", `{"v":99}`, "null")), g.at(), 0)
}

// order cuts a log into batches: as many of the next records of some partition
// as are drawn, again and again.
func (l *log) order(t *rapid.T, label string, longest int) [][]history.Record {
	next := make([]int, len(l.partitions))
	var batches [][]history.Record
	var batch []history.Record
	for {
		var open []int
		for i := range next {
			if next[i] < len(l.partitions[i]) {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			break
		}
		i := rapid.SampledFrom(open).Draw(t, label+" partition")
		n := min(rapid.IntRange(1, longest).Draw(t, label+" records"), len(l.partitions[i])-next[i])
		batch = append(batch, l.partitions[i][next[i]:next[i]+n]...)
		next[i] += n
		if rapid.Bool().Draw(t, label+" ends") {
			batches = append(batches, batch)
			batch = nil
		}
	}
	return append(batches, batch)
}

// answers are what a history says to all questions.
type answers struct {
	Jobs        map[string][]history.JobRow
	Definitions map[string][]history.Definition
	Backfills   map[string][]run.Progress
	Runs        []history.RunRow
	Details     []history.RunDetail
	Stats       [][]history.Bucket
	Calendar    [][]history.Day
	Dead        []history.DeadLetter
	Members     member.Roster
	Audit       []history.Entry
	Notices     []history.Entry
	Overview    history.Overview
	Unreadable  history.UnreadablePage
	Offsets     map[string]map[int32]int64
}

func ask(t T, d *history.DB, l *log) answers {
	ctx, now := context.Background(), noon()
	a := answers{Jobs: map[string][]history.JobRow{}, Definitions: map[string][]history.Definition{}, Backfills: map[string][]run.Progress{}}
	for _, health := range []history.Health{"", history.HealthFailing, history.HealthLate, history.HealthRunning, history.HealthPaused, history.HealthAside, history.HealthOK} {
		page, err := d.Jobs(ctx, history.JobFilter{Health: health}, now)
		require.NoError(t, err)
		require.Len(t, page.Jobs, page.Total)
		a.Jobs[string(health)] = page.Jobs
	}
	var err error
	for _, name := range l.jobs {
		a.Definitions[name], err = d.Definitions(ctx, name)
		require.NoError(t, err)
		a.Backfills[name], err = d.Backfills(ctx, name)
		require.NoError(t, err)
	}
	a.Runs = allRuns(t, d, history.RunFilter{WithSkips: true, Limit: 7})
	for _, id := range l.runs {
		if detail, err := d.Run(ctx, string(id)); err == nil {
			a.Details = append(a.Details, detail)
		}
	}
	for _, name := range []string{"", "a"} {
		stats, err := d.Stats(ctx, name, "", now.Add(-4*time.Hour), now, 4)
		require.NoError(t, err)
		a.Stats = append(a.Stats, stats)
		days, err := d.Calendar(ctx, name, "", now, now, time.UTC)
		require.NoError(t, err)
		a.Calendar = append(a.Calendar, days)
	}
	dead, err := d.DeadLetters(ctx, history.DeadFilter{Limit: 500})
	require.NoError(t, err)
	a.Dead = dead.Letters
	a.Members, err = d.Members(ctx, now)
	require.NoError(t, err)
	audit, err := d.Audit(ctx, history.AuditFilter{})
	require.NoError(t, err)
	notices, err := d.Notices(ctx, history.NoticeFilter{})
	require.NoError(t, err)
	a.Audit, a.Notices = audit.Entries, notices.Entries
	a.Overview, err = d.Overview(ctx, now)
	require.NoError(t, err)
	a.Unreadable, err = d.Unreadable(ctx)
	require.NoError(t, err)
	a.Offsets, err = d.Offsets(ctx)
	require.NoError(t, err)
	return a
}

// allRuns walks all pages.
func allRuns(t T, d *history.DB, f history.RunFilter) []history.RunRow {
	t.Helper()
	all := []history.RunRow{}
	for {
		page, err := d.Runs(context.Background(), f)
		require.NoError(t, err)
		all = append(all, page.Runs...)
		if page.Next == "" {
			return all
		}
		f.After = page.Next
	}
}

// fold folds batches in turn.
func fold(t T, d *history.DB, batches [][]history.Record) {
	for _, batch := range batches {
		_, err := d.Fold(context.Background(), batch)
		require.NoError(t, err)
	}
}

// told is what a ledger makes of the events that history reads: each job's of
// its own partition.
func (l *log) told() map[string]*ledger.Ledger {
	all := map[string]*ledger.Ledger{}
	for _, partition := range l.partitions {
		for _, r := range partition {
			if r.Topic != names().Events() {
				continue
			}
			e, err := topic.DecodeEvent(r.Value)
			if err != nil || string(r.Key) != e.Job || r.Partition != topic.Partition(e.Job, shards) {
				continue
			}
			if all[e.Job] == nil {
				all[e.Job] = ledger.New(ledger.Options{})
			}
			all[e.Job].Fold(e)
		}
	}
	return all
}

// same fails with what differs.
func same(t T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		require.Fail(t, "they differ (-want +got)", "%.3000s", diff)
	}
}
