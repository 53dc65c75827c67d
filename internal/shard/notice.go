package shard

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// A notice about a job is decided with what it follows from, in the same
// Step: the notice and the state that says it was told are of one transaction,
// so that each cause is told of once, whoever owns the shard.

// tellEnded tells of a run that was given up, or was not begun though it should
// have been.
func (s *Shard) tellEnded(e *entry, a *Active, ev *run.Event, now time.Time) {
	if a.Backfill != "" {
		return
	}
	e.st.Watch.passedOver(ev)
	if !e.watched() || e.st.Watch == nil {
		return
	}
	switch ev.State {
	case run.StateDead:
		n := noticeOf(a, ev)
		n.Count = e.st.Watch.Failures
		s.tell(e, job.WhenFailed, string(a.ID), n, now)
		if e.st.Watch.Failures == 1 {
			s.tell(e, job.WhenFailing, string(a.ID), n, now)
		}
	case run.StateSkipped:
		s.tellSkipped(e, ev, now)
	case run.StateQueued, run.StateClaimed, run.StateStarted, run.StateWaiting, run.StateFailed, run.StateTimedOut,
		run.StateCancelled, run.StateLost, run.StateSucceeded:
	}
}

// tellPassedOver tells of due times that were not begun.
func (s *Shard) tellPassedOver(e *entry, ev *run.Event, now time.Time) {
	e.st.Watch.passedOver(ev)
	if e.watched() && e.st.Watch != nil {
		s.tellSkipped(e, ev, now)
	}
}

func (s *Shard) tellSkipped(e *entry, ev *run.Event, now time.Time) {
	when := whySkipped(ev.Reason)
	if when == "" || ev.Trigger.Asked() {
		return
	}
	n := run.Notice{Run: ev.Run, Due: ev.Due, Trigger: ev.Trigger, State: ev.State, Reason: ev.Reason, Count: max(ev.Count, 1)}
	if when == job.WhenMissed {
		s.tell(e, when, keyOf(ev.Due), n, now)
		return
	}
	w := e.st.Watch
	before := w.Skips - n.Count
	n.Count, n.Since = w.Skips, w.SkipsFrom
	s.tellIf(e, when, keyOf(w.SkipsFrom)+" "+strconv.Itoa(w.Skips), n, now, func(rule *job.Notify) bool {
		most := cmp.Or(rule.InARow, job.DefaultInARow)
		return before < most && w.Skips >= most
	})
}

func keyOf(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// tellRecovered tells of the success that ended the incidents which were open.
func (s *Shard) tellRecovered(e *entry, a *Active, was *Watch, ev *run.Event, now time.Time) {
	if was == nil || len(was.Open) == 0 || !e.watched() || a.Backfill != "" {
		return
	}
	n := noticeOf(a, ev)
	n.State, n.Count, n.When = run.StateSucceeded, was.Failures, job.WhenRecovered
	var told []string
	for i := range was.Open {
		o := &was.Open[i]
		n.Closes = append(n.Closes, o.ID)
		told = join(told, o.To)
		if n.Since.IsZero() || o.Since.Before(n.Since) {
			n.Since = o.Since
		}
	}
	var wanted []string
	for i := range e.def.Notify {
		if slices.Contains(e.def.Notify[i].When, job.WhenRecovered) {
			wanted = join(wanted, e.def.Notify[i].To)
		}
	}
	for _, target := range told {
		if slices.Contains(wanted, target) {
			n.To = append(n.To, target)
		} else {
			n.Resolve = append(n.Resolve, target)
		}
	}
	s.send(e, n, string(a.ID), now)
}

// noticeOf is a notice about a, which ended or is about to with ev.
func noticeOf(a *Active, ev *run.Event) run.Notice {
	return run.Notice{
		Run: a.ID, Due: a.Due.UTC(), Trigger: a.Trigger, Attempt: a.Attempt,
		State: ev.State, Reason: ev.Reason, Outcome: ev.Outcome,
	}
}

// tell writes a notice to those whom the job's notify names for the occasion.
// The key sets the cause apart from others of its kind.
func (s *Shard) tell(e *entry, when job.When, key string, n run.Notice, now time.Time) {
	s.tellIf(e, when, key, n, now, func(*job.Notify) bool { return true })
}

// tellIf is tell to those of whom a rule fits.
func (s *Shard) tellIf(e *entry, when job.When, key string, n run.Notice, now time.Time, fits func(*job.Notify) bool) {
	for i := range e.def.Notify {
		rule := &e.def.Notify[i]
		if !slices.Contains(rule.When, when) || !fits(rule) {
			continue
		}
		if held, ok := e.st.Watch.holdBack(i, when, rule.Every, now); ok {
			n.To, n.Held = join(n.To, rule.To), max(n.Held, held)
		}
		s.write(e)
	}
	if len(n.To) == 0 {
		return
	}
	n.When = when
	n.Incident = e.st.Watch.open(e.st.Job, when, n.To, now)
	s.send(e, n, key, now)
}

func (s *Shard) send(e *entry, n run.Notice, key string, now time.Time) {
	n.Type, n.Job, n.Cluster, n.At, n.By = run.NoticeTold, e.st.Job, e.def.Cluster, now.UTC(), s.cfg.By
	n.ID = run.NoticeID(n.Job, string(n.When), key)
	s.out.Notices = append(s.out.Notices, n)
	s.write(e)
}

// holdBack reports whether a rule may tell of an occasion now, and how often it
// did not since it last did.
func (w *Watch) holdBack(rule int, when job.When, every time.Duration, now time.Time) (held int, ok bool) {
	if every == 0 {
		return 0, true
	}
	i := slices.IndexFunc(w.Held, func(h HeldBack) bool { return h.Rule == rule && h.When == when })
	if i < 0 {
		w.Held = append(w.Held, HeldBack{Rule: rule, When: when, At: now.UTC()})
		if over := len(w.Held) - maxHeldBack; over > 0 {
			w.Held = slices.Delete(w.Held, 0, over)
		}
		return 0, true
	}
	h := &w.Held[i]
	if now.Sub(h.At) < every && !now.Before(h.At) {
		h.Count++
		return 0, false
	}
	held = h.Count
	h.At, h.Count = now.UTC(), 0
	return held, true
}

// open returns the ID of the incident of that occasion, which begins now if
// there is none. All failures are one.
func (w *Watch) open(jobName string, when job.When, to []string, now time.Time) string {
	if when == job.WhenFailed {
		when = job.WhenFailing
	}
	if o := w.incident(when); o != nil {
		o.To = join(slices.Clone(o.To), to)
		return o.ID
	}
	id := run.NoticeID("incident", jobName, string(when), strconv.FormatInt(now.UnixNano(), 10))
	w.Open = append(w.Open, Incident{ID: id, When: when, Since: now.UTC(), To: slices.Clone(to)})
	return id
}

// join returns a with those of b that it lacks, in their order.
func join(a, b []string) []string {
	for _, name := range b {
		if !slices.Contains(a, name) {
			a = append(a, name)
		}
	}
	return a
}
