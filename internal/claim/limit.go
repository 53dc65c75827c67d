package claim

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// leastEnding is for how long the slots that come free count at the least.
	// A claim takes 40 to 70 ms on real brokers; control is looked at after it,
	// and the start announced, before its runs take a slot.
	leastEnding = 200 * time.Millisecond
	// rateOver is how far back completions count.
	rateOver = time.Second
	// freeFresh is how old word of others' free slots may be.
	freeFresh = 3 * time.Second
	// toldLag is how far behind our beats that word may be.
	toldLag = 2500 * time.Millisecond
	// handOnMost bounds the runs that one transaction hands on.
	handOnMost = 100
)

// Limit returns how many runs to poll from a queue now; 0 means none until
// something changes. It is the claimer who asks: that it does shows that it is
// able to claim.
func (s *State) Limit(name run.Queue, now Now) int {
	q := s.queue(name)
	s.comesRound(q, now)
	return s.limit(q, now)
}

// Hungry reports whether Limit is not 0.
func (s *State) Hungry(name run.Queue, now Now) bool { return s.limit(s.queue(name), now) > 0 }

// limit is the one rule of how many runs a worker takes. First come the slots,
// and as many runs more as will end while two claims are made. Once no slot is
// idle, that many may wait, or one for each slot if that is more; they are
// asked for when half of them are gone, so that claims are few. What comes before
// it is due takes no slot: of that, half of Ahead is the limit, which leaves room
// for what is late in another partition. A worker that wants none for itself takes
// runs to hand them on to workers with free slots.
func (s *State) limit(q *queue, now Now) int {
	if s.draining || q.slots == 0 || !s.inTouch(now) {
		return 0
	}
	q.prune(now)
	t := q.tally(now)
	room := min(pollMost, s.room(q, t, 1))
	if t.unconfirmed > 0 {
		room = min(room, max(0, q.mostUnconfirmed()-t.unconfirmed))
	}
	have, spare := t.taken+t.due, q.ending()
	if early := s.room(q, t, 2); q.early && early > 0 {
		return min(early, room)
	}
	if have < q.slots {
		return min(q.slots+spare-have, room)
	}
	spare = max(spare, q.slots)
	if missing := q.slots + spare - have; missing > 0 && missing >= spare/2 {
		return min(missing, room)
	}
	return min(q.freeElsewhere(now), handOnMost, room)
}

// room returns how many runs more may be held of q without a slot, if a part of
// what may be is to be enough.
func (s *State) room(q *queue, t tally, part int) int {
	if q.bytes >= s.cfg.AheadBytes/part {
		return 0
	}
	return max(0, s.cfg.Ahead/part-t.unstarted)
}

// Decide says what to do with each of the runs just polled, within the
// transaction that moves past them. Runs to claim are held from here on, in
// beats too, until Claimed or Unclaimed tells what became of the transaction.
func (s *State) Decide(name run.Queue, polled []Polled, now Now) Claim {
	q := s.queue(name)
	s.supersede(q)
	q.prune(now)
	c := Claim{Queue: name, Number: q.open.number, Verdicts: make([]Verdict, 0, len(polled))}
	t := q.tally(now)
	d := decision{
		slots: q.slots + q.ending() - t.taken - t.due, others: q.freeElsewhere(now),
		doubts: q.mostUnconfirmed() - t.unconfirmed,
	}
	silent, known := s.silence(now)
	q.early = true
	for i := range polled {
		p := &polled[i]
		h := &held{
			run: p.Run, queue: name, stage: claiming, polledAt: now.Mono, wallAt: now.Wall, size: p.Size,
			hold: longestHold(&p.Run), stale: known && silent > OutOfTouch,
		}
		verdict := s.decide(q, &d, p, h, now)
		c.Verdicts = append(c.Verdicts, verdict)
		if verdict.Event == run.EventClaimed {
			h.unconfirmed = verdict.Confirm
			s.hold(h, now)
			c.Verdicts[i].Number = h.number
			q.open.keys = append(q.open.keys, h.run.Key())
		}
	}
	return c
}

// decision is what the runs of one poll have left of what there is.
type decision struct{ slots, others, doubts int }

func (s *State) decide(q *queue, d *decision, p *Polled, h *held, now Now) Verdict {
	claimed := Verdict{Event: run.EventClaimed}
	if s.find(p.Run.Key()) != nil {
		return Verdict{}
	}
	if word, known := s.asked.about(p.Run.Key()); known {
		return Verdict{Event: run.EventDropped, Reason: word}
	}
	if p.Doubted || p.aged(now) || s.asked.forgets(now) {
		if d.doubts--; d.doubts < 0 {
			return Verdict{Event: run.EventReturned, Reason: run.ReasonUnconfirmed}
		}
		claimed.Confirm = true
		return claimed
	}
	if !h.inWindow(now) {
		return claimed
	}
	q.early = false
	switch {
	case d.slots > 0:
		d.slots--
	case d.others > 0 && p.Run.Hops < MaxHops:
		d.others--
		q.others--
		return Verdict{Event: run.EventReturned, Reason: run.ReasonNoSlot}
	}
	return claimed
}

// ending returns how many slots will come free while two claims are made,
// going by the last second: one is made when the other's runs are half used
// up. None of its runs is to wait for longer than a run waits anywhere.
func (q *queue) ending() int {
	claims := max(leastEnding, q.claimTook+min(q.claimTook, NoSlotWait))
	return int(time.Duration(len(q.exits)) * claims / rateOver)
}

// soonFree returns how many slots will come free while `starting` is
// acknowledged, going by the last second: as many runs are announced ahead,
// so that short ones leave no slot idle meanwhile.
func (q *queue) soonFree() int {
	return min(q.slots, int(time.Duration(len(q.exits))*q.ackTook/rateOver))
}

// average learns from one more measurement; the first counts alone.
func average(lately *time.Duration, took time.Duration) {
	if *lately == 0 {
		*lately = took
	}
	*lately = (3**lately + took) / 4
}

// freeElsewhere returns how many slots other workers have free.
func (q *queue) freeElsewhere(now Now) int {
	if !q.told || now.Mono-q.toldAt > freeFresh {
		return 0
	}
	return max(0, q.others)
}

// tell takes word of the cluster's free slots. What our own recent beats
// reported may be among them and does not count.
func (q *queue) tell(free int, now Now) {
	own := 0
	for _, r := range q.reported {
		if now.Mono-r.at <= toldLag {
			own = max(own, r.free)
		}
	}
	q.others, q.told, q.toldAt = free-own, true, now.Mono
}

// prune forgets what is too old to count, and brings near what is due soon.
func (q *queue) prune(now Now) {
	q.arrange(now)
	q.exits = slices.DeleteFunc(q.exits, func(at time.Duration) bool { return now.Mono-at > rateOver })
	q.reported = slices.DeleteFunc(q.reported, func(r report) bool { return now.Mono-r.at > toldLag })
}
