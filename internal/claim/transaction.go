package claim

import "github.com/belfry-cron/belfry/internal/run"

// Claim is what to do with the runs of one poll, in one transaction. Its end
// is told by its queue and number.
type Claim struct {
	Queue  run.Queue
	Number int64
	// Verdicts are as many as runs were polled, in their order.
	Verdicts []Verdict
}

// Verdict is what the transaction says of a polled run: claimed, returned or
// dropped. No event: we hold it already, and only move past it.
type Verdict struct {
	Event   run.EventType
	Reason  string
	Confirm bool  // of claimed: the shard is asked whether it still counts
	Number  int64 // of claimed: of this one in the worker's life
}

// Claims returns how many runs it takes.
func (c *Claim) Claims() int {
	n := 0
	for _, v := range c.Verdicts {
		if v.Event == run.EventClaimed {
			n++
		}
	}
	return n
}

// open is the claim of a queue whose end is not known yet. A queue has one at
// a time: who decides the next knows that the last has ended.
type open struct {
	number int64
	keys   []run.Key
}

// supersede lets go of a claim whose end nobody told before the next was
// decided: its runs come again, or are not ours. What is told of it later is
// out of date.
func (s *State) supersede(q *queue) {
	for _, k := range q.open.keys {
		if h := s.find(k); h != nil && h.stage == claiming {
			s.forget(h)
		}
	}
	q.open = open{number: q.open.number + 1}
}

// committed makes the runs of a claim ours.
func (s *State) committed(in Claimed, now Now, out *effects) {
	q := s.queue(in.Queue)
	if q.open.number != in.Number {
		return
	}
	q.failed = mark{}
	q.cameRound.note(now.Mono)
	if h := s.find(first(q.open.keys)); h != nil {
		average(&q.claimTook, now.Mono-h.polledAt)
	}
	for _, k := range q.open.keys {
		s.claimed(k, now, out)
	}
	q.open.keys = nil
}

// uncommitted forgets the runs of a claim.
func (s *State) uncommitted(in Unclaimed, now Now) {
	q := s.queue(in.Queue)
	if q.open.number != in.Number {
		return
	}
	q.failed.note(now.Mono)
	for _, k := range q.open.keys {
		if h := s.find(k); h != nil && h.stage == claiming {
			s.forget(h)
		}
	}
	q.open.keys = nil
}

// claimed makes a run ours, unless it must go back or away at once.
func (s *State) claimed(k run.Key, now Now, out *effects) {
	h := s.find(k)
	if h == nil || h.stage != claiming {
		return
	}
	h.stage, h.claimedAt = waiting, now.Mono
	word, known := s.asked.about(k)
	switch {
	case known:
		s.drop(h, word, out)
	case h.stale:
		s.giveBack(h, run.ReasonOutOfTouch, out)
	case s.draining:
		s.giveBack(h, run.ReasonDraining, out)
	}
}

// claims reports whether the worker is able to claim from q: it came round to
// it lately, in touch, and no claim has failed since.
func (q *queue) claims(now Now) bool {
	return !q.cameRound.set || now.Mono-q.cameRound.at <= ClaimStuck
}

// comesRound notes that a claimer looks for runs.
func (s *State) comesRound(q *queue, now Now) {
	if s.inTouch(now) && (!q.failed.set || now.Mono-q.failed.at > ClaimStuck/2) {
		q.cameRound.note(now.Mono)
	}
}

// first is the first of keys, or the key of no run.
func first(keys []run.Key) run.Key {
	if len(keys) == 0 {
		return run.Key{}
	}
	return keys[0]
}
