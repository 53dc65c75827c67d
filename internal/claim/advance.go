package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// advance does what time and the inputs so far allow.
func (s *State) advance(q *queue, now Now, out *effects) {
	q.prune(now)
	for _, h := range q.near {
		if left, bound := h.untilDeadline(now); bound && left < 0 && h.unexecuted() {
			s.drop(h, run.ReasonStartDeadline, out)
		}
	}
	s.giveUpUnconfirmed(q, now, out)
	if !s.inTouch(now) {
		return
	}
	t := q.tally(now)
	free, executing := q.slots+q.soonFree()-t.taken, t.executing
	for _, h := range q.near {
		switch {
		case h.stage == ready && executing < q.slots && h.due(now) <= 0:
			executing++
			h.stage = running
			out.add(Exec{Run: h.run})
		case h.stage == waiting && free > 0 && s.mayAnnounce(h, q, now):
			free--
			q.bytes -= h.size
			h.stage, h.announced, h.sentAt = starting, true, now.Mono
			out.add(SendStarting{Run: h.run})
		case h.stage == starting && h.retry && now.Mono >= h.retryAt:
			h.retry, h.sentAt = false, now.Mono
			out.add(SendStarting{Run: h.run})
		}
	}
	s.handOn(q, now, out)
}

// mayAnnounce reports whether it is time to announce a run that is still
// wanted, as far as anybody can know.
func (s *State) mayAnnounce(h *held, q *queue, now Now) bool {
	return !h.unconfirmed && s.informed(h) && h.due(now) <= q.acks.lead()
}

// handOn gives runs that have waited long enough to workers that have slots,
// also if they were announced for one here that did not come free.
func (s *State) handOn(q *queue, now Now, out *effects) {
	others := q.freeElsewhere(now)
	for _, h := range q.near {
		if others == 0 {
			return
		}
		if (h.stage == waiting && !h.unconfirmed || h.stage == ready) && h.waited(now) >= h.patience() {
			others--
			q.others--
			s.giveBack(h, run.ReasonNoSlot, out)
		}
	}
}

// giveBackAll returns every run of q that was not handed to the executor.
// After a silence, those being claimed will follow, and those that the shell
// will refuse to execute.
func (s *State) giveBackAll(q *queue, reason string, out *effects) {
	for _, h := range q.all() {
		if h.unexecuted() {
			s.giveBack(h, reason, out)
		}
		h.stale = h.stale || reason == run.ReasonOutOfTouch
	}
}

func (s *State) giveBack(h *held, reason string, out *effects) {
	s.settle(h, SendReturned{Run: h.run, Reason: reason}, out)
}

func (s *State) drop(h *held, reason string, out *effects) {
	s.settle(h, SendDropped{Run: h.run, Reason: reason}, out)
}

// cancelUnexecuted ends a run that was announced but not executed.
func (s *State) cancelUnexecuted(h *held, reason string, out *effects) {
	s.settle(h, SendFinished{Run: h.run, Outcome: run.Outcome{
		State: run.StateCancelled, ExitCode: -1, Reason: reason,
	}}, out)
}

// settle says the last word about a run; it stays in beats until that word
// is in the log.
func (s *State) settle(h *held, last Effect, out *effects) {
	q := s.queue(h.queue)
	if !h.takesSlot() {
		q.bytes -= h.size
	}
	h.stage = settling
	q.leave(h)
	out.add(last)
}

// kill ends a run once, whoever asks again.
func (s *State) kill(h *held, state run.State, reason string, out *effects) {
	if h.stage != running || h.killState != "" {
		return
	}
	h.killState, h.killReason = state, reason
	out.add(Kill{Key: h.run.Key(), Reason: reason})
}

// find returns the run held under that key, nil if there is none.
func (s *State) find(k run.Key) *held {
	h := s.byRun[k.ID]
	for h != nil && h.run.Fence != k.Fence {
		h = h.next
	}
	return h
}

// hold takes a run that was decided to be claimed, under the next number.
func (s *State) hold(h *held, now Now) {
	s.given++
	s.n++
	h.number, h.next = s.given, s.byRun[h.run.ID]
	s.byRun[h.run.ID] = h
	s.queue(h.queue).insert(h, now)
}

func (s *State) forget(h *held) {
	q := s.queue(h.queue)
	if h.stage == claiming {
		q.bytes -= h.size
	}
	q.remove(h)
	s.n--
	first := s.byRun[h.run.ID]
	switch {
	case first != h:
		for first.next != h {
			first = first.next
		}
		first.next = h.next
	case h.next != nil:
		s.byRun[h.run.ID] = h.next
	default:
		delete(s.byRun, h.run.ID)
	}
}

// Wake returns how long from now Step wants to be called at the latest, and
// false if only an input can change anything.
func (s *State) Wake(now Now) (time.Duration, bool) {
	w := wake{}
	for _, q := range s.queues() {
		for _, h := range q.near {
			s.wakeFor(q, h, now, &w)
		}
		if len(q.far.runs) > 0 {
			silent, _ := s.silence(now)
			w.after(recheck)
			w.after(OutOfTouch - silent + 1)
			w.after(q.far.runs[0].at - nearAhead - now.Mono)
		}
	}
	return w.in, w.set
}

func (s *State) wakeFor(q *queue, h *held, now Now, w *wake) {
	silent, _ := s.silence(now)
	if h.stage == running && h.run.OnLost == job.LostRetry && h.killState == "" {
		w.after(LostContact - s.unheard(now) + 1)
	}
	if !h.unexecuted() {
		return
	}
	w.after(recheck)
	w.after(OutOfTouch - silent + 1)
	if left, bound := h.untilDeadline(now); bound {
		w.after(left + 1)
	}
	switch h.stage {
	case waiting:
		w.after(h.due(now) - q.acks.lead())
		w.after(h.patience() - h.waited(now))
		if h.unconfirmed {
			w.after(h.claimedAt + ConfirmWait - now.Mono)
		}
	case starting:
		if h.retry {
			w.after(h.retryAt - now.Mono)
		}
	case ready:
		w.after(h.due(now))
	case claiming, running, settling:
	}
}

// wake is the nearest of several future instants.
type wake struct {
	in  time.Duration
	set bool
}

// after adds an instant; one that has passed was acted upon already.
func (w *wake) after(d time.Duration) {
	if d > 0 && (!w.set || d < w.in) {
		w.in, w.set = d, true
	}
}
