package shard_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// TestPromises drives a shard with everything that people, workers, clocks
// and lost transactions can bring about, and holds each committed effect
// against what is promised of every due time.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		t.Repeat(map[string]func(*rapid.T){
			"define":   w.define,
			"remove":   w.remove,
			"request":  w.request,
			"pass":     w.pass,
			"jump":     w.jump,
			"claim":    w.claim,
			"start":    w.start,
			"finish":   w.finish,
			"giveBack": w.giveBack,
			"drop":     w.drop,
			"die":      w.die,
			"beat":     w.beat,
			"takeOver": w.takeOver,
			"abort":    w.abort,
		})
		w.end()
	})
}

// world is the log, the clock, the workers, and the shard's owner. The owner
// is two shards in step: one rebuilt from memory, one from JSON.
type world struct {
	t          *rapid.T
	cfg        shard.Config
	now        time.Time
	core, twin *shard.Shard
	overlap    map[string]job.Overlap

	// The topics: definitions and how far they were followed, the committed
	// states, what waits to be read of requests and reports.
	jobs     []shard.JobChanged
	followed int
	states   map[string]shard.JobState
	inbox    []shard.Input
	// log is the events topic; read and from are what the shard record says.
	log        []run.Logged
	read, from int64

	requests int
	env      map[run.ID]string // what runs were asked for with
	handed   []*handout
	lives    map[string]int64 // of the workers; negative while dead
	gone     map[string]bool  // dead workers whose started runs were given up
	recalled map[run.ID]int64
	cancels  map[run.ID]int64
	ledger   *auditor
}

// handout is one handing-out of a run, as its worker knows it.
type handout struct {
	run    run.Run
	worker string
	life   int64
	stage  run.State // queued, claimed, started; succeeded once over
}

func newWorld(t *rapid.T) *world {
	w := &world{
		t: t, now: midnight(), states: map[string]shard.JobState{}, overlap: map[string]job.Overlap{},
		cfg: shard.Config{Shard: 3, By: "s1", Lead: rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(t, "lead")},
		env: map[run.ID]string{}, lives: map[string]int64{"w1": 1, "w2": 1}, gone: map[string]bool{},
		recalled: map[run.ID]int64{}, cancels: map[run.ID]int64{},
	}
	w.ledger = newAuditor(t, w.cfg.Lead)
	for _, name := range jobNames() {
		w.overlap[name] = rapid.SampledFrom([]job.Overlap{
			job.OverlapAllow, job.OverlapSkip, job.OverlapQueue, job.OverlapReplace,
		}).Draw(t, "overlap")
	}
	w.rebuild()
	return w
}

func jobNames() []string { return []string{"a", "b"} }

func (w *world) define(t *rapid.T) {
	j := job.Default()
	j.Name = rapid.SampledFrom(jobNames()).Draw(t, "job")
	j.Cluster, j.Command = "cluster-a", []string{"true"}
	j.Schedule = rapid.SampledFrom([]string{"* * * * *", "*/2 * * * *", "*/15 * * * * *", "@every 7s", "*/2 * * * * *", ""}).Draw(t, "schedule")
	j.Seconds = len(j.Schedule) > 11
	j.Overlap = w.overlap[j.Name]
	j.CatchUp.Policy = rapid.SampledFrom([]job.CatchUpPolicy{job.CatchUpNone, job.CatchUpLast, job.CatchUpAll}).Draw(t, "catch up")
	j.CatchUp.Window = 20 * time.Minute
	j.Jitter = rapid.SampledFrom([]time.Duration{0, 0, maxJitter}).Draw(t, "jitter")
	j.StartDeadline = rapid.SampledFrom([]time.Duration{0, 0, 30 * time.Second}).Draw(t, "deadline")
	j.Retries = rapid.IntRange(0, 2).Draw(t, "retries")
	j.OnLost = rapid.SampledFrom([]job.OnLost{job.LostRetry, job.LostFail}).Draw(t, "on lost")
	j.Paused = rapid.IntRange(0, 4).Draw(t, "paused") == 0
	if rapid.IntRange(0, 2).Draw(t, "blackout") > 0 {
		from := w.now.Add(time.Duration(rapid.IntRange(-300, 600).Draw(t, "from")) * time.Second).Truncate(time.Second)
		to := from.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "length")) * time.Second)
		j.Blackouts = []job.Blackout{{Name: "window", From: from, To: to}}
	}
	j = j.WithDefaults()
	w.change(shard.JobChanged{Name: j.Name, Job: &j, AppliedAt: w.now}, t)
}

func (w *world) remove(t *rapid.T) {
	w.change(shard.JobChanged{Name: rapid.SampledFrom(jobNames()).Draw(t, "job")}, t)
}

// change writes to the jobs topic; what is not read at once is read by the
// next owner.
func (w *world) change(in shard.JobChanged, t *rapid.T) {
	if slices.ContainsFunc(w.jobs[w.followed:], func(c shard.JobChanged) bool {
		return c.Name == in.Name && (c.Job == nil || in.Job == nil)
	}) {
		w.step() // the auditor tells one life of a job from the next by step
	}
	w.jobs = append(w.jobs, in)
	if rapid.IntRange(0, 3).Draw(t, "unread") > 0 {
		w.step()
	}
}

func (w *world) request(t *rapid.T) {
	w.requests++
	r := run.Request{
		ID: "r" + string(rune('0'+w.requests%10)) + time.Duration(w.requests).String(), At: w.now,
		Job:  rapid.SampledFrom(jobNames()).Draw(t, "job"),
		Type: rapid.SampledFrom([]run.RequestType{run.RequestRun, run.RequestPause, run.RequestResume, run.RequestCancel}).Draw(t, "type"),
	}
	if rapid.IntRange(0, 3).Draw(t, "backfill") == 0 {
		w.backfill(t, &r)
	}
	if r.Type == run.RequestRun && rapid.Bool().Draw(t, "env") {
		r.Env = map[string]string{"REQUEST": r.ID}
		w.env[run.NewID(r.Job, r.At, r.ID)] = r.ID
	}
	if r.Type == run.RequestCancel {
		h := w.pick(t, func(h *handout) bool { return h.stage != run.StateSucceeded })
		if h == nil {
			return
		}
		r.Job, r.Run = h.run.Job, h.run.ID
	}
	w.inbox = append(w.inbox, shard.Requested{Request: r})
	if rapid.Bool().Draw(t, "twice") {
		w.inbox = append(w.inbox, shard.Requested{Request: r})
	}
	w.maybeStep(t)
}

// backfill makes r about a backfill, one to come or one that there may be.
func (w *world) backfill(t *rapid.T, r *run.Request) {
	r.Type = rapid.SampledFrom([]run.RequestType{
		run.RequestBackfill, run.RequestBackfill, run.RequestBackfillPause, run.RequestBackfillResume, run.RequestBackfillCancel,
	}).Draw(t, "of backfills")
	if r.Type == run.RequestBackfill {
		r.From = w.now.Add(-time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second)
		r.To, r.Parallel, r.OnlyMissed = w.now, rapid.IntRange(0, 3).Draw(t, "parallel"), rapid.Bool().Draw(t, "only missed")
		return
	}
	if st, ok := w.core.State(r.Job); ok && len(st.Backfills) > 0 {
		r.Backfill = rapid.SampledFrom(st.Backfills).Draw(t, "which").Progress.ID
	}
}

func (w *world) pass(t *rapid.T) {
	w.advance(w.now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "ms")) * time.Millisecond))
}

// jump sets the clock without a step: it was put forward or back, or nobody
// was deciding.
func (w *world) jump(t *rapid.T) {
	by := rapid.SampledFrom([]time.Duration{
		time.Minute, 10 * time.Minute, time.Hour, -2 * time.Second, -time.Minute, -time.Hour,
	}).Draw(t, "by")
	w.now = w.now.Add(by)
	if by < 0 {
		w.ledger.setBack = true
	}
	w.settle()
}

// advance lets time pass as the shell does.
func (w *world) advance(to time.Time) {
	for {
		wake, ok := w.core.Wake()
		if !ok || wake.After(to) {
			break
		}
		if wake.After(w.now) {
			w.now = wake
		}
		w.settle()
	}
	if to.After(w.now) {
		w.now = to
	}
	w.settle()
}

func (w *world) settle() {
	for range 300 {
		w.step()
		if wake, ok := w.core.Wake(); !ok || wake.After(w.now) {
			return
		}
	}
	require.Fail(w.t, "the shard does not come to rest")
}

func (w *world) maybeStep(t *rapid.T) {
	if rapid.Bool().Draw(t, "step") {
		w.step()
	}
}

// decide feeds both shards all that is to be read, and compares them.
func (w *world) decide() shard.Effects {
	inputs := slices.Clone(w.inbox)
	for _, in := range w.jobs[w.followed:] {
		inputs = append(inputs, in)
	}
	inputs = append(inputs, shard.EventsRead{Next: int64(len(w.log))})
	effects, twin := w.core.Step(inputs, w.now), w.twin.Step(inputs, w.now)
	require.Empty(w.t, cmp.Diff(effects, twin, cmpopts.EquateEmpty()), "two shards decide differently")
	return effects
}

// step decides and commits.
func (w *world) step() {
	changes := w.jobs[w.followed:]
	effects := w.decide()
	w.commit(changes, effects, true)
	w.now = w.now.Add(time.Millisecond) // as long as a transaction takes at the least
}

func (w *world) commit(changes []shard.JobChanged, effects shard.Effects, loaded bool) {
	w.inbox, w.followed = nil, len(w.jobs)
	if len(changes) > 0 || !effects.Positioned() {
		w.read, w.from = int64(len(w.log)), w.core.ReplayFrom()
	}
	for _, ev := range effects.Events {
		w.log = append(w.log, run.Logged{Event: ev, Offset: int64(len(w.log))})
	}
	for _, st := range effects.States {
		w.ledger.bounded(st)
		w.states[st.Job] = st
	}
	for _, name := range effects.Forget {
		delete(w.states, name)
	}
	w.ledger.follow(changes, w.now, loaded)
	for _, ev := range effects.Events {
		w.ledger.event(ev)
	}
	for _, ev := range effects.Succeeded {
		w.ledger.success(ev)
	}
	for _, c := range effects.Control {
		if c.Type == run.ControlCancel {
			w.cancels[c.Run] = max(w.cancels[c.Run], c.Fence)
		}
		w.recalled[c.Run] = max(w.recalled[c.Run], c.Fence)
	}
	for _, q := range effects.Enqueue {
		w.ledger.fence(q.Run)
		require.Equal(w.t, w.env[q.Run.ID], q.Run.Env["REQUEST"], "the environment of %s", q.Run.ID)
		w.handed = append(w.handed, &handout{run: q.Run, stage: run.StateQueued})
	}
	for _, name := range effects.Forget {
		w.ledger.forgotten(name)
	}
	for _, name := range jobNames() {
		w.requireBackfills(name)
	}
}

// requireBackfills fails unless each backfill counts its runs, and has no more
// of them than it may.
func (w *world) requireBackfills(name string) {
	st, _ := w.core.State(name)
	require.LessOrEqual(w.t, len(st.Backfills), run.MaxBackfills)
	for _, b := range st.Backfills {
		unfinished := 0
		for i := range st.Active {
			if st.Active[i].Backfill == b.Progress.ID {
				unfinished++
			}
		}
		require.Equal(w.t, unfinished, b.Progress.Unfinished(), "%+v", b.Progress)
		require.LessOrEqual(w.t, unfinished, b.Progress.Parallel)
	}
}

// abort loses a transaction: nothing of what was decided has happened.
func (w *world) abort(*rapid.T) {
	w.decide()
	w.rebuild()
}

func (w *world) takeOver(t *rapid.T) {
	if rapid.Bool().Draw(t, "asleep") {
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 1800).Draw(t, "seconds")) * time.Second)
	}
	if rapid.Bool().Draw(t, "compact") {
		w.compact()
	}
	w.requireReplay()
	w.rebuild()
	w.settle()
}

// compact keeps the last definition of each job.
func (w *world) compact() {
	var kept []shard.JobChanged
	followed := w.followed
	for i, in := range w.jobs {
		if slices.ContainsFunc(w.jobs[i+1:], func(c shard.JobChanged) bool { return c.Name == in.Name }) {
			if i < w.followed {
				followed--
			}
			continue
		}
		kept = append(kept, in)
	}
	w.jobs, w.followed = kept, followed
}

// rebuild makes a new owner from what was committed.
func (w *world) rebuild() {
	var states, decoded []shard.JobState
	for _, name := range slices.Sorted(maps.Keys(w.states)) {
		states = append(states, clone(w.states[name]))
		value, err := topic.EncodeState(w.states[name])
		require.NoError(w.t, err)
		st, err := topic.DecodeState(value)
		require.NoError(w.t, err)
		st.V = 0
		decoded = append(decoded, st)
	}
	w.core, w.twin = shard.New(w.cfg, states), shard.New(w.cfg, decoded)
	for _, r := range w.log[w.from:] {
		w.core.Replay(r)
		w.twin.Replay(r)
	}
	unread := w.core.EndReplay(w.read, w.from)
	require.Equal(w.t, unread, w.twin.EndReplay(w.read, w.from))
	w.unread(unread)
	var inputs []shard.Input
	for i, in := range w.jobs {
		in.Replayed = i < w.followed
		inputs = append(inputs, in)
	}
	changes := w.jobs[w.followed:]
	inputs = append(inputs, shard.JobsLoaded{})
	effects, twin := w.core.Step(inputs, w.now), w.twin.Step(inputs, w.now)
	require.Empty(w.t, cmp.Diff(effects, twin, cmpopts.EquateEmpty()), "two new owners decide differently")
	inbox := w.inbox
	w.commit(changes, effects, false)
	w.inbox = inbox
}

// unread puts the reports that no owner has acted on into the inbox again.
func (w *world) unread(from int64) {
	w.inbox = slices.DeleteFunc(w.inbox, func(in shard.Input) bool { _, ok := in.(shard.Reported); return ok })
	for _, r := range w.log[from:] {
		if r.Event.Type.FromWorker() {
			w.inbox = append(w.inbox, shard.Reported(r))
		}
	}
}

// requireReplay fails unless a new owner that has read all reports knows of
// each job what the owner knows.
func (w *world) requireReplay() {
	if slices.ContainsFunc(w.inbox, func(in shard.Input) bool { _, ok := in.(shard.Reported); return ok }) {
		return // not all of them were acted on
	}
	var states []shard.JobState
	for _, name := range slices.Sorted(maps.Keys(w.states)) {
		states = append(states, clone(w.states[name]))
	}
	next := shard.New(w.cfg, states)
	for _, r := range w.log[w.from:] {
		next.Replay(r)
	}
	next.EndReplay(int64(len(w.log)), w.from)
	for _, name := range jobNames() {
		requireSame(w.t, w.core, next, name)
	}
}

// requireSame fails unless a new owner knows of the job what the last knew.
func requireSame(t require.TestingT, last, next *shard.Shard, name string) {
	was, before := last.State(name)
	is, after := next.State(name)
	require.Equal(t, before, after, name)
	require.Empty(t, cmp.Diff(was, is, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(shard.JobState{}, "Step", "Read")), name)
}

func clone(st shard.JobState) shard.JobState {
	st.Active, st.Deferred = slices.Clone(st.Active), slices.Clone(st.Deferred)
	st.Recent, st.Requests, st.Backfills = slices.Clone(st.Recent), slices.Clone(st.Requests), slices.Clone(st.Backfills)
	return st
}

// end lets what is due be decided, and draws the balance.
func (w *world) end() {
	w.settle()
	w.ledger.complete(w.now)
}
