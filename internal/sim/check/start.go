package check

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// startSlack is how long after its last check a command may begin.
const startSlack = time.Second

// judgeStarts holds each start that a command wrote against the ledger.
func (j *judge) judgeStarts() {
	for _, h := range j.order {
		type life struct{ attempt, life int }
		byAttempt := map[life]*Line{}
		highest := int64(0)
		for _, l := range h.lines {
			if l.Word != WordStart {
				continue
			}
			j.counts.Starts++
			this := life{l.Attempt, h.life(l.Fence)}
			if first := byAttempt[this]; first != nil {
				j.blame(RuleTwice, h, l.At, "attempt %d started at %s on %s under fence %d and again on %s under fence %d",
					l.Attempt, stamp(first.At), first.Host, first.Fence, l.Host, l.Fence)
			}
			byAttempt[this] = l
			if l.Fence < highest {
				j.blame(RuleZombie, h, l.At, "started under fence %d on %s after fence %d had started", l.Fence, l.Host, highest)
			}
			highest = max(highest, l.Fence)
			j.judgeStart(j.books[h.job], h, l)
		}
	}
}

// first finds the first event of a type on a handing-out.
func (h *history) first(t run.EventType, fence int64) *run.Event {
	for _, ev := range h.events {
		if ev.Type == t && ev.Fence == fence {
			return ev
		}
	}
	return nil
}

// tellsWithin is how long a start may be known from beats alone: events stand still
// for a session timeout when a broker dies.
const tellsWithin = 30 * time.Second

// lostStarted reports whether the shard has lost a handing-out that it took for
// started: beats had announced it, and its worker died before events could say so.
func (h *history) lostStarted(fence int64) bool {
	lost := h.first(run.EventLost, fence)
	return lost != nil && lost.State == run.StateStarted
}

func (j *judge) judgeStart(b *book, h *history, l *Line) {
	handed := h.first(run.EventEnqueued, l.Fence)
	if b == nil || handed == nil || handed.Attempt != l.Attempt {
		j.blame(RuleGhost, h, l.At, "attempt %d fence %d started on %s, but the ledger never handed it out", l.Attempt, l.Fence, l.Host)
		return
	}
	if h.first(run.EventStarting, l.Fence) == nil && !h.lostStarted(l.Fence) && j.e.Collected.Sub(l.At) > tellsWithin {
		j.blame(RuleUnannounced, h, l.At, "attempt %d fence %d started on %s, but no starting event is in the log", l.Attempt, l.Fence, l.Host)
	}
	skew := j.e.Limits.Skew
	for _, t := range []run.EventType{run.EventLost, run.EventReturned, run.EventDropped, run.EventWithdrawn} {
		if ev := h.first(t, l.Fence); ev != nil && ev.At.Add(skew).Before(l.At) {
			j.blame(RuleZombie, h, l.At, "fence %d started on %s after it was %s at %s (%s)", l.Fence, l.Host, t, stamp(ev.At), ev.Reason)
		}
	}
	if l.At.Add(skew).Before(handed.NotBefore) {
		j.blame(RuleEarly, h, l.At, "started %s before %s", handed.NotBefore.Sub(l.At), stamp(handed.NotBefore))
	}
	first := l.Attempt == 1 && handed.Trigger == run.TriggerSchedule
	if limit, ok := j.largest(b, handed.At, func(d *job.Job) time.Duration { return d.StartDeadline }); ok && first {
		if over := l.At.Sub(handed.NotBefore.Add(limit)); over > skew+startSlack {
			j.blame(RuleDeadline, h, l.At, "started %s after its deadline", over)
		}
	}
	j.judgePunctual(h, l, handed)
	j.judgeLength(b, h, l, handed)
}

// judgePunctual holds starts while no fault is in effect to be on time, and
// recalls to be heeded.
func (j *judge) judgePunctual(h *history, l *Line, handed *run.Event) {
	limits := j.e.Limits
	calm := j.calm(handed.At.Add(-grace), l.At)
	late := l.At.Sub(handed.NotBefore)
	if calm && limits.Late > 0 && late > limits.Late+limits.Skew && l.Attempt == 1 && handed.Hops == 0 &&
		handed.Trigger == run.TriggerSchedule && !h.deferred {
		j.blame(RuleLate, h, l.At, "started %s late, with no fault to explain it", late)
	}
	asked := h.first(run.EventRecalling, l.Fence)
	if asked == nil || limits.Recall == 0 || !calm {
		return
	}
	patience := limits.Recall + limits.Skew
	if l.At.Sub(asked.At) > patience && handed.NotBefore.Sub(asked.At) > patience {
		j.blame(RuleRecall, h, l.At, "started %s after it was asked back (%s)", l.At.Sub(asked.At), asked.Reason)
	}
}

// end is the line an attempt wrote when it ended.
func (h *history) end(fence int64) *Line {
	for _, l := range h.lines {
		if l.Word == WordEnd && l.Fence == fence {
			return l
		}
	}
	return nil
}

// judgeLength holds how long an attempt ran against its timeout.
func (j *judge) judgeLength(b *book, h *history, l *Line, handed *run.Event) {
	limit, ok := j.largest(b, handed.At, func(d *job.Job) time.Duration { return d.Timeout })
	kill := j.e.Limits.Kill
	if end := h.end(l.Fence); ok && end != nil && end.At.Sub(l.At) > limit+kill {
		j.blame(RuleTimeout, h, end.At, "ran for %s; its timeout is %s", end.At.Sub(l.At), limit)
	}
	fin := h.first(run.EventFinished, l.Fence)
	if fin == nil || fin.Outcome == nil || fin.Outcome.State != run.StateTimedOut {
		return
	}
	ran := fin.Outcome.EndedAt.Sub(fin.Outcome.StartedAt)
	shortest, some := limit, ok
	for _, d := range j.possible(b, handed.At) {
		if d.Timeout > 0 && d.Timeout < shortest || !some {
			shortest, some = d.Timeout, true
		}
	}
	if ran+time.Millisecond < shortest || !some {
		j.blame(RuleTimeout, h, fin.At, "timed out after %s; its timeout is %s", ran, shortest)
	}
}

// stretch is one started attempt and when it was over.
type stretch struct {
	h          *history
	start      *Line
	until      time.Time
	known      bool // when it ended
	abandoned  time.Time
	hasAbandon bool
}

// judgeOverlap requires runs that must not overlap not to, and an attempt
// never to begin before the one before it has ended, but for those of lost
// workers, of which nobody can know.
func (j *judge) judgeOverlap() {
	byJob := map[string][]stretch{}
	for _, h := range j.order {
		for _, l := range h.lines {
			if l.Word == WordStart {
				byJob[h.job] = append(byJob[h.job], h.stretch(l))
			}
		}
	}
	for _, name := range j.names {
		exclusive := true
		for _, t := range j.books[name].defs {
			exclusive = exclusive && (t.def == nil || t.def.Overlap != job.OverlapAllow)
		}
		j.judgeStretches(byJob[name], exclusive)
	}
}

func (h *history) stretch(l *Line) stretch {
	s := stretch{h: h, start: l}
	if end := h.end(l.Fence); end != nil {
		s.until, s.known = end.At, true
	} else if fin := h.first(run.EventFinished, l.Fence); fin != nil && fin.Outcome != nil {
		s.until, s.known = fin.Outcome.EndedAt, true
	}
	if lost := h.first(run.EventLost, l.Fence); lost != nil {
		s.abandoned, s.hasAbandon = lost.At, true
	}
	return s
}

func (j *judge) judgeStretches(all []stretch, exclusive bool) {
	skew := j.e.Limits.Skew
	sortStretches(all)
	var open []stretch
	for _, s := range all {
		kept := open[:0]
		for _, o := range open {
			if !o.known || !o.until.Add(-skew).After(s.start.At) {
				continue
			}
			kept = append(kept, o)
			given := o.hasAbandon && !o.abandoned.After(s.start.At.Add(skew))
			if !given && (exclusive || o.h == s.h) {
				j.blame(RuleOverlap, s.h, s.start.At, "attempt %d began on %s while attempt %d of run %s, on %s since %s, ran until %s",
					s.start.Attempt, s.start.Host, o.start.Attempt, o.h.id, o.start.Host, stamp(o.start.At), stamp(o.until))
			}
		}
		open = append(kept, s)
	}
}
