package check

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// endSlack is how long a command may take from its last word to its exit.
const endSlack = time.Second

func sortStretches(all []stretch) {
	slices.SortStableFunc(all, func(a, b stretch) int { return a.start.At.Compare(b.start.At) })
}

// judgeEnds requires each run to have ended, as its commands did.
func (j *judge) judgeEnds() {
	dead := map[run.ID]int{}
	for i := range j.e.Dead {
		if d := &j.e.Dead[i]; d.Run != nil {
			dead[d.Run.ID]++
		}
	}
	for _, h := range j.order {
		begun := h.attempt > 0 || h.deferred
		if begun && h.final == nil && !h.lastTime().After(j.e.Until) {
			j.blame(RuleFinal, h, h.lastTime(), "it never ended")
		}
		j.judgeReports(h)
		if h.final != nil {
			j.judgeFinal(h)
		}
		wanted := h.deadBefore
		if h.final != nil && h.final.State == run.StateDead {
			wanted++
		}
		if dead[h.id] != wanted {
			j.blame(RuleDead, h, h.lastTime(), "%d dead letters; %d wanted", dead[h.id], wanted)
		}
		delete(dead, h.id)
	}
	for i := range j.e.Dead {
		if d := &j.e.Dead[i]; d.Run != nil && dead[d.Run.ID] > 0 {
			h := &history{id: d.Run.ID, job: d.Run.Job, due: d.Run.Due}
			j.blame(RuleDead, h, d.At, "a dead letter of a run that the ledger does not know")
			delete(dead, d.Run.ID)
		}
	}
}

// lastTime is the latest instant the run's events speak of.
func (h *history) lastTime() (last time.Time) {
	for _, ev := range h.events {
		if ev.At.After(last) {
			last = ev.At
		}
		if ev.NotBefore.After(last) {
			last = ev.NotBefore
		}
	}
	return last
}

// judgeReports requires every end that a worker reported to have had an
// effect, and to be what the command said of itself.
func (j *judge) judgeReports(h *history) {
	for i, ev := range h.events {
		if ev.Type != run.EventFinished {
			continue
		}
		_, success := ev.Final()
		taken := success || slices.ContainsFunc(h.events[i+1:], func(e *run.Event) bool {
			return e.Fence == ev.Fence && (e.Type == run.EventEnded || e.Type == run.EventRetrying || e.Type == run.EventLate)
		})
		if !taken && !ev.At.After(j.e.Until) {
			j.blame(RuleAcked, h, ev.At, "the end of attempt %d fence %d was reported, and nothing came of it", ev.Attempt, ev.Fence)
		}
		end := h.end(ev.Fence)
		if end == nil || ev.Outcome == nil || killedAtItsEnd(ev.Outcome, end) {
			continue
		}
		ok := ev.Outcome.State == run.StateSucceeded && end.Exit == 0 || ev.Outcome.State == run.StateFailed && end.Exit != 0
		if !ok || ev.Outcome.ExitCode != end.Exit {
			j.blame(RuleLie, h, ev.At, "reported %s with exit code %d; the command exited with %d", ev.Outcome.State, ev.Outcome.ExitCode, end.Exit)
		}
	}
}

// killedAtItsEnd reports whether a kill can have met the command between its
// last word and its exit: then both tell the truth.
func killedAtItsEnd(o *run.Outcome, end *Line) bool {
	killed := o.State == run.StateTimedOut || o.State == run.StateCancelled || o.State == run.StateLost
	return killed && o.EndedAt.Sub(end.At).Abs() <= endSlack
}

// judgeFinal holds a final state against what was reported and written.
func (j *judge) judgeFinal(h *history) {
	started := slices.ContainsFunc(h.lines, func(l *Line) bool {
		return l.Word == WordStart && h.life(l.Fence) == len(h.born)
	})
	fin := h.final
	switch fin.State {
	case run.StateSkipped:
		if started {
			j.blame(RuleLie, h, fin.At, "the ledger says it was skipped (%s), but it started", fin.Reason)
		}
	case run.StateSucceeded:
		end := h.end(fin.Fence)
		if end == nil || end.Exit != 0 {
			j.blame(RuleLie, h, fin.At, "the ledger says attempt %d fence %d succeeded; no command says so", fin.Attempt, fin.Fence)
		}
	case run.StateDead, run.StateCancelled:
		report := h.first(run.EventFinished, fin.Fence)
		won := report != nil && report.Outcome != nil && report.Outcome.State == run.StateSucceeded
		if won && h.first(run.EventLate, fin.Fence) == nil {
			j.blame(RuleLie, h, fin.At, "the ledger says %s, but attempt %d succeeded and said so in time", fin.State, fin.Attempt)
		}
	case run.StateFailed, run.StateTimedOut, run.StateLost, run.StateQueued, run.StateClaimed, run.StateStarted, run.StateWaiting:
		j.blame(RuleFinal, h, fin.At, "%s is no final state", fin.State)
	}
}

// judgeRecords requires each handing-out in the ledger to be one record on a
// queue, and no others to be there.
func (j *judge) judgeRecords() {
	records := map[run.Key]int{}
	for i := range j.e.Runs {
		r := &j.e.Runs[i]
		records[r.Key()]++
		h := j.history(r.ID, r.Job, r.Due)
		if ev := h.first(run.EventEnqueued, r.Fence); ev == nil || ev.Attempt != r.Attempt {
			j.blame(RuleAtomic, h, r.StagedAt, "a record of attempt %d fence %d is on a queue; the ledger did not put it there", r.Attempt, r.Fence)
		}
	}
	for _, h := range j.order {
		for _, ev := range h.events {
			if ev.Type == run.EventEnqueued && records[ev.Key()] != 1 {
				j.blame(RuleAtomic, h, ev.At, "attempt %d fence %d was handed out as %d records", ev.Attempt, ev.Fence, records[ev.Key()])
			}
		}
	}
}

// judgeRequests requires each acknowledged request to have had its effect.
func (j *judge) judgeRequests() {
	for i := range j.e.Requests {
		r := &j.e.Requests[i]
		if r.Acted.After(j.e.Until) {
			continue
		}
		switch r.Type {
		case run.RequestRun:
			id := run.NewID(r.Job, r.At, r.ID)
			if h := j.runs[id]; h == nil || h.attempt == 0 && !h.deferred && h.final == nil {
				j.blame(RuleAcked, &history{id: id, job: r.Job, due: r.At}, r.At, "somebody asked for this run, and nothing came of it")
			}
		case run.RequestCancel:
			h := j.runs[r.Run]
			if h == nil {
				continue
			}
			for _, ev := range h.events {
				if ev.Type == run.EventEnqueued && ev.At.After(r.Acted.Add(j.e.Limits.Skew)) {
					j.blame(RuleAcked, h, ev.At, "handed out though it was cancelled at %s", stamp(r.At))
				}
			}
		case run.RequestBackfill:
			refused := j.runs[run.NewID(r.Job, r.At, r.ID)] != nil // its job was gone
			if !j.backfills[r.ID] && !refused {
				j.blame(RuleAcked, &history{job: r.Job, due: r.At}, r.At, "somebody asked for a backfill, and nothing came of it")
			}
		case run.RequestPause, run.RequestResume, run.RequestRequeue, run.RequestReplay, run.RequestDiscard,
			run.RequestBackfillPause, run.RequestBackfillResume, run.RequestBackfillCancel:
		}
	}
}
