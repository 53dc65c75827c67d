package shard_test

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/schedule"
	"github.com/belfry-cron/belfry/internal/shard"
)

// grace is shard's own, on which no more depends here than how long a change
// may have been under way.
const grace = 10 * time.Second

// auditor reads the committed ledger and knows which due times there were.
type auditor struct {
	t    *rapid.T
	lead time.Duration
	// latest is the latest time ever, setBack whether the clock was.
	latest  time.Time
	setBack bool

	defs    map[string][]*tenure
	life    map[string]int
	named   map[string]map[time.Time]bool
	unknown map[string][][2]time.Time
	fates   map[fateKey]*fate
	handed  map[run.Key]int // the life of its job in which each was
	recent  map[string][]run.ID

	succeeded map[fateKey]bool

	fences map[string]int64
	forgot map[string]bool
	starts map[startKey]int
}

// tenure is one definition of a job, and for which due times it stands: all
// after from up to until.
type tenure struct {
	def         *job.Job
	sched       *schedule.Schedule
	from, until time.Time
}

type fateKey struct {
	life int
	id   run.ID
}

type fate struct{ deferred, enqueued, skipped, ended int }

type startKey struct {
	life    int
	id      run.ID
	attempt int
}

func newAuditor(t *rapid.T, lead time.Duration) *auditor {
	return &auditor{
		t: t, lead: lead, defs: map[string][]*tenure{}, life: map[string]int{},
		named: map[string]map[time.Time]bool{}, unknown: map[string][][2]time.Time{},
		fates: map[fateKey]*fate{}, handed: map[run.Key]int{}, recent: map[string][]run.ID{}, succeeded: map[fateKey]bool{}, fences: map[string]int64{}, forgot: map[string]bool{}, starts: map[startKey]int{},
	}
}

// follow learns that definitions were taken over at now.
func (a *auditor) follow(changes []shard.JobChanged, now time.Time, loaded bool) {
	for _, c := range changes {
		since := now
		if c.Job != nil && !c.AppliedAt.After(now) && (!loaded || now.Sub(c.AppliedAt) <= grace) {
			since = c.AppliedAt
		}
		old := a.defs[c.Name]
		inForce := len(old) > 0 && old[len(old)-1].until.IsZero()
		if c.Job == nil {
			if inForce {
				old[len(old)-1].until = now
			}
			a.life[c.Name]++
			continue
		}
		if inForce && old[len(old)-1].def.Version() == c.Job.Version() {
			continue
		}
		from := now
		if inForce {
			old[len(old)-1].until = since
		}
		if len(old) > 0 {
			// What was staged, and decided early, may stand for the new one's.
			from = from.Add(a.lead)
			if a.latest.After(now) {
				from = a.latest.Add(a.lead)
			}
		}
		sched, err := c.Job.Compile()
		require.NoError(a.t, err)
		a.defs[c.Name] = append(old, &tenure{def: c.Job, sched: sched, from: from})
	}
	if now.After(a.latest) {
		a.latest = now
	}
}

// event holds what the ledger says against what it said before.
func (a *auditor) event(ev run.Event) {
	if ev.Type == run.EventSkipped && !ev.Through.IsZero() {
		a.span(ev)
		return
	}
	if ev.Reason == run.ReasonUnknownJob {
		return // nobody is there to remember the request
	}
	k := fateKey{a.lifeOf(ev), ev.Run}
	f := a.fates[k]
	if f == nil {
		f = &fate{}
		a.fates[k] = f
	}
	switch ev.Type {
	case run.EventDeferred:
		if ev.Reason == run.ReasonNoWorker { // also one that was enqueued before
			require.Zero(a.t, f.skipped+f.ended, "%s waits after it was decided: %+v", ev.Due, f)
			f.enqueued++
			break
		}
		require.Zero(a.t, f.deferred+f.enqueued+f.skipped+f.ended, "%s deferred after it was decided: %+v", ev.Due, f)
		f.deferred++
	case run.EventSkipped:
		if ev.Reason == job.ReasonBlackout+"window" {
			require.True(a.t, a.isDue(ev.Job, ev.Due, true), "%s of %s is in no window", ev.Due, ev.Job)
		}
		require.Zero(a.t, f.enqueued+f.skipped+f.ended, "%s of %s skipped after it was decided: %+v", ev.Due, ev.Job, f)
		f.skipped++
	case run.EventEnqueued:
		require.Zero(a.t, f.skipped+f.ended, "%s of %s enqueued after it was decided: %+v", ev.Due, ev.Job, f)
		if ev.Trigger == run.TriggerSchedule || ev.Trigger == run.TriggerCatchUp {
			require.True(a.t, a.isDue(ev.Job, ev.Due, false), "%s of %s enqueued in a window", ev.Due, ev.Job)
		}
		f.enqueued++
		a.handed[ev.Key()] = k.life
	case run.EventEnded:
		require.Zero(a.t, f.skipped+f.ended, "%s of %s ended twice: %+v", ev.Due, ev.Job, f)
		require.True(a.t, ev.State.Final())
		if ev.State == run.StateSkipped && ev.Reason == run.ReasonEdited {
			*f = fate{} // a later definition may make it due again
			break
		}
		f.ended++
		a.ended(&ev)
	default:
		return
	}
	if ev.Run == run.NewID(ev.Job, ev.Due, "") {
		a.name(ev.Job, ev.Due)
	}
}

// ended notes one of the latest ends of a job, which its owner remembers until
// it forgets the job. The ledger has no event of a success.
func (a *auditor) ended(ev *run.Event) {
	ids := a.recent[ev.Job]
	if !slices.Contains(ids, ev.Run) {
		ids = append(ids, ev.Run)
		a.recent[ev.Job] = ids[max(0, len(ids)-10):]
	}
}

// decided reports whether a due time needs no word in the life that its job has
// begun: it has one, or the owner knows the run that an earlier life made of
// it, and leaves it at that.
func (a *auditor) decided(name string, life int, id run.ID) bool {
	if f := a.fates[fateKey{life, id}]; f != nil && *f != (fate{}) || slices.Contains(a.recent[name], id) {
		return true
	}
	for l := range life {
		if f := a.fates[fateKey{l, id}]; f != nil && f.enqueued > 0 && f.skipped+f.ended == 0 && !a.succeeded[fateKey{l, id}] {
			return true
		}
	}
	return false
}

// success notes what the owner took for one.
func (a *auditor) success(ev run.Event) {
	a.succeeded[fateKey{a.handed[ev.Key()], ev.Run}] = true
	a.ended(&ev)
}

// lifeOf is the life of its job that an event belongs to: the end of a run to
// that in which it was handed out, for whatever reason it ended and however
// many deletions later. What a deletion ends belongs to a life before it.
func (a *auditor) lifeOf(ev run.Event) int {
	life := a.life[ev.Job]
	if handed, ok := a.handed[ev.Key()]; ok && ev.Type == run.EventEnded {
		return handed
	}
	if ev.Reason != run.ReasonDeleted {
		return life
	}
	for l := life; l >= 0; l-- {
		if f := a.fates[fateKey{l, ev.Run}]; f != nil && f.skipped+f.ended == 0 {
			return l
		}
	}
	return life - 1
}

// span expands a row of skipped due times by the definition it was decided
// with, which is one of the last two.
func (a *auditor) span(ev run.Event) {
	if ev.Count == 0 {
		a.unknown[ev.Job] = append(a.unknown[ev.Job], [2]time.Time{ev.Due, ev.Through})
		return
	}
	for _, def := range slices.Backward(a.defs[ev.Job]) {
		if dues := a.fit(ev, def); dues != nil {
			for _, due := range dues {
				k := fateKey{a.lifeOf(ev), run.NewID(ev.Job, due, "")}
				a.fates[k] = &fate{skipped: 1}
				a.name(ev.Job, due)
			}
			return
		}
	}
	require.Fail(a.t, "no definition fits", "%s %s…%s %d times (%s)", ev.Job, ev.Due, ev.Through, ev.Count, ev.Reason)
}

func (a *auditor) fit(ev run.Event, d *tenure) []time.Time {
	if d.sched == nil {
		return nil
	}
	var dues []time.Time
	due, ok := d.sched.Next(ev.Due.Add(-time.Nanosecond))
	if !ok || !due.Equal(ev.Due) {
		return nil
	}
	for ; ok && !due.After(ev.Through); due, ok = d.sched.Next(due) {
		if !a.decided(ev.Job, a.lifeOf(ev), run.NewID(ev.Job, due, "")) {
			dues = append(dues, due.UTC())
		}
	}
	if len(dues) != ev.Count || !dues[len(dues)-1].Equal(ev.Through) {
		return nil
	}
	return dues
}

func (a *auditor) name(jobName string, due time.Time) {
	if a.named[jobName] == nil {
		a.named[jobName] = map[time.Time]bool{}
	}
	a.named[jobName][due.UTC()] = true
}

// complete requires every due time that has passed to be in the ledger.
func (a *auditor) complete(now time.Time) {
	for name, defs := range a.defs {
		for _, d := range defs {
			until := d.until
			if until.IsZero() || until.After(now) {
				until = now
			}
			if d.sched == nil {
				continue
			}
			for due, ok := d.sched.Next(d.from); ok && !due.After(until); due, ok = d.sched.Next(due) {
				waits := due.Add(maxJitter).After(now)
				require.True(a.t, waits || a.named[name][due.UTC()] || a.isUnknown(name, due),
					"the ledger of %s says nothing of %s (%q from %s until %s)", name, due, d.def.Schedule, d.from, d.until)
			}
		}
	}
	for name, dues := range a.named {
		for due := range dues {
			require.True(a.t, a.isDue(name, due, false) || a.isDue(name, due, true), "the ledger of %s names %s, which is no due time", name, due)
		}
	}
}

// isDue reports whether any definition names the due time, inside a window or
// outside.
func (a *auditor) isDue(name string, due time.Time, inWindow bool) bool {
	for _, d := range a.defs[name] {
		if d.sched == nil {
			continue
		}
		within := len(d.def.Blackouts) > 0 && !due.Before(d.def.Blackouts[0].From) && due.Before(d.def.Blackouts[0].To)
		if within != inWindow {
			continue
		}
		if next, ok := d.sched.Next(due.Add(-time.Nanosecond)); ok && next.Equal(due) {
			return true
		}
	}
	return false
}

func (a *auditor) isUnknown(name string, due time.Time) bool {
	for _, r := range a.unknown[name] {
		if !due.Before(r[0]) && !due.After(r[1]) {
			return true
		}
	}
	return false
}

// fence requires fences to grow, also beyond the deletion of a job, unless
// the clock was set back to before it.
func (a *auditor) fence(r run.Run) {
	if a.setBack && a.forgot[r.Job] {
		a.fences[r.Job] = 0
	}
	a.forgot[r.Job] = false
	require.Greater(a.t, r.Fence, a.fences[r.Job], "the fences of %s do not grow", r.Job)
	a.fences[r.Job] = r.Fence
}

func (a *auditor) forgotten(name string) {
	a.forgot[name] = true
	delete(a.recent, name)
}

// start requires an attempt to start once.
func (a *auditor) start(r run.Run) {
	k := startKey{a.life[r.Job], r.ID, r.Attempt}
	a.starts[k]++
	require.Equal(a.t, 1, a.starts[k], "attempt %d of %s of %s starts again", r.Attempt, r.Due, r.Job)
}

// bounded requires a state to stay small.
func (a *auditor) bounded(st shard.JobState) {
	require.LessOrEqual(a.t, len(st.Recent), 10)
	require.LessOrEqual(a.t, len(st.Requests), 16)
	require.LessOrEqual(a.t, len(st.Deferred), 100)
	seen := map[run.ID]bool{}
	for _, active := range st.Active {
		require.False(a.t, seen[active.ID], "%s is there twice", active.ID)
		seen[active.ID] = true
	}
}
