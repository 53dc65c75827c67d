package shard

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// A backfill runs the due times of a part of the past. It is a cursor in its
// job's state: few of its runs are unfinished at a time, so that a year of hours
// takes no more room than a day, and whatever the schedule names goes first.

// Backfill is one that is under way. Ranges are never changed.
type Backfill struct {
	Progress run.Progress `json:"progress"`
	Ranges   []run.Range  `json:"ranges"`
}

// maxPassed bounds the due times that are passed over at a time.
const maxPassed = 1000

// askBackfill begins a backfill. What lies ahead of the due times that were
// decided is left to the schedule.
func (s *Shard) askBackfill(e *entry, r run.Request, now time.Time) {
	b := Backfill{
		Progress: run.Progress{
			ID: r.ID, By: r.By, At: now.UTC(), From: r.From.UTC(), To: earliest(r.To, e.st.Through).UTC(),
			OnlyMissed: r.OnlyMissed, Parallel: cmp.Or(r.Parallel, run.DefaultParallel), Phase: run.PhaseRunning,
		},
		Ranges: r.Ranges,
	}
	reason := ""
	switch {
	case e.sched == nil || r.From.IsZero() || r.To.Before(r.From) || !inOrder(r):
		reason = run.ReasonInvalidRequest
	case len(e.st.Backfills) >= run.MaxBackfills:
		reason = run.ReasonBackfillsFull
	}
	if reason != "" {
		b.Progress.Phase = run.PhaseCancelled
		s.tellBackfill(e, &b, r.By, reason, now)
		return
	}
	if len(b.Ranges) == 0 {
		b.Ranges = []run.Range{{From: b.Progress.From, To: b.Progress.To}}
	}
	e.st.Backfills = append(e.st.Backfills, b)
	s.tellBackfill(e, &b, r.By, "", now)
	s.advanceBackfills(e, now)
}

// inOrder reports whether the request's ranges are apart from each other, in
// order, and as few as may be.
func inOrder(r run.Request) bool {
	last := r.From.Add(-1)
	for _, part := range r.Ranges {
		if !part.From.After(last) || part.To.Before(part.From) || part.To.After(r.To) {
			return false
		}
		last = part.To
	}
	return len(r.Ranges) <= run.MaxRanges && r.Parallel >= 0 && r.Parallel <= run.MaxParallel
}

// steerBackfill pauses, resumes or cancels one that is under way. Runs that were
// handed out are left alone.
func (s *Shard) steerBackfill(e *entry, r run.Request, now time.Time) {
	b := e.st.backfill(r.Backfill)
	if b == nil || b.Progress.Phase == run.PhaseCancelled {
		return
	}
	phase := run.PhaseRunning
	switch r.Type {
	case run.RequestBackfillPause:
		phase = run.PhasePaused
	case run.RequestBackfillCancel:
		phase = run.PhaseCancelled
	case run.RequestBackfillResume, run.RequestRun, run.RequestPause, run.RequestResume, run.RequestCancel,
		run.RequestRequeue, run.RequestReplay, run.RequestDiscard, run.RequestBackfill:
	}
	if b.Progress.Phase == phase {
		return
	}
	b.Progress.Phase = phase
	s.tellBackfill(e, b, r.By, "", now)
	s.advanceBackfills(e, now)
}

// tellBackfill writes into the ledger how b stands.
func (s *Shard) tellBackfill(e *entry, b *Backfill, by, reason string, now time.Time) {
	progress := b.Progress
	ev := run.Event{
		Type: run.EventBackfill, Job: e.st.Job, Backfill: progress.ID, Progress: &progress, AskedBy: by, Reason: reason,
	}
	if e.def != nil {
		ev.Cluster = e.def.Cluster
	}
	s.event(ev, now)
}

// advanceBackfills hands out what each of e's backfills may, and ends those
// that are done.
func (s *Shard) advanceBackfills(e *entry, now time.Time) {
	for _, id := range backfillIDs(e.st) {
		for range run.MaxParallel {
			b := e.st.backfill(id)
			due, ok := e.nextOf(b)
			if !ok || !s.mayHandOut(e, b) {
				break
			}
			s.backfillDue(e, b, due, now)
		}
		b := e.st.backfill(id)
		if !b.over(e) {
			continue
		}
		if b.Progress.Phase != run.PhaseCancelled {
			b.Progress.Phase = run.PhaseDone
		}
		s.tellBackfill(e, b, "", "", now)
		e.st.dropBackfill(id)
	}
}

func backfillIDs(st *JobState) []string {
	ids := make([]string, len(st.Backfills))
	for i := range st.Backfills {
		ids[i] = st.Backfills[i].Progress.ID
	}
	return ids
}

// backfillDue begins the run of one due time, unless it is under way or has run.
func (s *Shard) backfillDue(e *entry, b *Backfill, due, now time.Time) {
	b.Progress.Through = due.UTC()
	if e.except.Reason(due) != "" || b.Progress.OnlyMissed && e.st.ran(due) {
		s.write(e) // no event tells that it was passed over
		return
	}
	b.Progress.Begun++
	id := run.NewID(e.st.Job, due, b.Progress.ID)
	s.begin(e, Deferred{ID: id, Due: due.UTC(), Trigger: run.TriggerBackfill, Backfill: b.Progress.ID}, now)
}

// nextOf is the next due time of b, if there is one: none that calendars and
// blackouts leave out, unless there are more than maxPassed of those in a row.
func (e *entry) nextOf(b *Backfill) (time.Time, bool) {
	if e.sched == nil || b.Progress.Phase == run.PhaseCancelled {
		return time.Time{}, false
	}
	for _, part := range b.Ranges {
		if !part.To.After(b.Progress.Through) {
			continue
		}
		due, ok := e.sched.Next(latest(part.From.Add(-1), b.Progress.Through))
		for walked := 0; ok && !due.After(earliest(part.To, b.Progress.To)); walked++ {
			if e.except.Reason(due) == "" || walked == maxPassed {
				return due, true
			}
			due, ok = e.sched.Next(due)
		}
	}
	return time.Time{}, false
}

// over reports whether nothing more becomes of b.
func (b *Backfill) over(e *entry) bool {
	if b.Progress.Unfinished() > 0 {
		return false
	}
	_, more := e.nextOf(b)
	return !more
}

// mayHandOut reports whether one more run of b may be handed out: some worker has
// a slot for it, and nothing that the schedule named waits.
func (s *Shard) mayHandOut(e *entry, b *Backfill) bool {
	if b.Progress.Phase != run.PhaseRunning || b.Progress.Unfinished() >= b.Progress.Parallel || len(e.st.Deferred) > 0 {
		return false
	}
	if e.def.Overlap != job.OverlapAllow && len(e.st.Active) > 0 {
		return false
	}
	if slices.ContainsFunc(e.st.Active, func(a Active) bool { return a.Waits != "" }) {
		return false
	}
	q := queueKey{e.def.Cluster, run.QueueRuns}
	return s.whyHeld(q) == "" && slices.ContainsFunc(s.byQueue[q], func(p placeable) bool { return p.left > 0 })
}

// backfillsReady reports whether advanceBackfills would do something now.
func (s *Shard) backfillsReady(e *entry) bool {
	if e.def == nil {
		return false
	}
	for i := range e.st.Backfills {
		b := &e.st.Backfills[i]
		if _, more := e.nextOf(b); more && s.mayHandOut(e, b) || !more && b.Progress.Unfinished() == 0 {
			return true
		}
	}
	return false
}

// wakeBackfills has the jobs looked at whose backfills can go on with the room
// that the beats tell of.
func (s *Shard) wakeBackfills(now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(s.backfilling)) {
		e := s.backfilling[name]
		s.open(e)
		if e.aside == "" && s.backfillsReady(e) {
			s.wakes.set(e, now)
		}
	}
}

// cancelBackfills ends all of e's, whose job was deleted.
func (s *Shard) cancelBackfills(e *entry, now time.Time) {
	for i := range e.st.Backfills {
		b := &e.st.Backfills[i]
		b.Progress.Phase = run.PhaseCancelled
		s.tellBackfill(e, b, "", run.ReasonDeleted, now)
	}
	e.st.Backfills = nil
}

func (st *JobState) backfill(id string) *Backfill {
	for i := range st.Backfills {
		if st.Backfills[i].Progress.ID == id {
			return &st.Backfills[i]
		}
	}
	return nil
}

func (st *JobState) dropBackfill(id string) {
	st.Backfills = slices.DeleteFunc(slices.Clone(st.Backfills), func(b Backfill) bool { return b.Progress.ID == id })
	if len(st.Backfills) == 0 {
		st.Backfills = nil
	}
}

// handedOut takes an event's word that a backfill handed a due time out.
func (st *JobState) handedOut(ev *run.Event) {
	if b := st.backfill(ev.Backfill); b != nil {
		b.Progress.Begun++
		b.Progress.Through = latest(b.Progress.Through, ev.Due)
	}
}

// ranOne counts a run of a backfill that ended.
func (st *JobState) ranOne(backfill string, state run.State) {
	if b := st.backfill(backfill); b != nil && backfill != "" {
		b.Progress.Ended(state)
	}
}

// ran reports whether a run of that due time is under way, or lately ended
// other than skipped.
func (st *JobState) ran(due time.Time) bool {
	return slices.ContainsFunc(st.Active, func(a Active) bool { return a.Due.Equal(due) }) ||
		slices.ContainsFunc(st.Recent, func(r Summary) bool { return r.Due.Equal(due) && r.State != run.StateSkipped }) ||
		slices.ContainsFunc(st.Deferred, func(d Deferred) bool { return d.Due.Equal(due) })
}

// others counts the unfinished runs that are of no backfill.
func (st *JobState) others() int {
	n := len(st.Active)
	for i := range st.Backfills {
		n -= st.Backfills[i].Progress.Unfinished()
	}
	return n
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
