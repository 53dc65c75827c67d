package claim

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// claimTime is what a claim takes on real brokers (40–70 ms), at the
	// least: runs that end within it leave their slots to those being claimed.
	claimTime = 70 * time.Millisecond
	// rateOver is how far back completions count.
	rateOver = time.Second
	// freeFresh is how old word of others' free slots may be.
	freeFresh = 3 * time.Second
	// toldLag is how far behind our beats that word may be.
	toldLag = 2500 * time.Millisecond
	// aheadFirst is how many runs to poll ahead, once one was staged ahead.
	aheadFirst = 8
	// handOnMost bounds the runs that one transaction hands on.
	handOnMost = 100
)

// Limit returns how many runs to poll from a queue now; 0 means none until
// something changes. It is the claimer who asks: that it does shows that it is
// able to claim.
func (s *State) Limit(name run.Queue, now Now) int {
	q := s.queue(name)
	s.comesRound(q, now)
	q.asked = s.limit(q, now)
	return q.asked
}

// Hungry reports whether Limit is not 0.
func (s *State) Hungry(name run.Queue, now Now) bool { return s.limit(s.queue(name), now) > 0 }

func (s *State) limit(q *queue, now Now) int {
	if s.draining || q.slots == 0 || !s.inTouch(now) {
		return 0
	}
	q.prune(now)
	overdue, expected := q.overdue(now), q.expected()
	room := max(0, s.cfg.Ahead-q.unstarted())
	if unconfirmed := q.unconfirmed(); unconfirmed > 0 {
		room = min(room, max(0, q.mostUnconfirmed()-unconfirmed))
	}
	if overdue >= q.slots+expected {
		return min(q.freeElsewhere(now), handOnMost, room)
	}
	return min(max(1, q.free()+expected-overdue)+q.behind+q.ahead, room)
}

// Decide says what to do with each of the runs just polled, within the
// transaction that moves past them. Runs to claim are held from here on, in
// beats too, until Claimed or Unclaimed tells what became of the transaction.
func (s *State) Decide(name run.Queue, polled []Polled, now Now) Claim {
	q := s.queue(name)
	s.supersede(q)
	q.prune(now)
	c := Claim{Queue: name, Number: q.open.number, Verdicts: make([]Verdict, 0, len(polled))}
	d := decision{
		slots: q.free() + q.expected() - q.overdue(now) + q.behind, others: q.freeElsewhere(now),
		doubts: q.mostUnconfirmed() - q.unconfirmed(),
	}
	silent, known := s.silence(now)
	for i := range polled {
		p := &polled[i]
		h := &held{
			run: p.Run, queue: name, stage: claiming, polledAt: now.Mono, wallAt: now.Wall,
			hold: longestHold(&p.Run), stale: known && silent > OutOfTouch,
		}
		verdict := s.decide(q, &d, p, h, now)
		c.Verdicts = append(c.Verdicts, verdict)
		if verdict.Event == run.EventClaimed {
			h.unconfirmed = verdict.Confirm
			s.byKey[h.run.Key()] = h
			q.insert(h)
			q.open.keys = append(q.open.keys, h.run.Key())
		}
	}
	q.learn(d, s.cfg.Ahead)
	return c
}

// decision is what the runs of one poll have left of what there is, and how
// many of them there were of which kind.
type decision struct {
	slots, others, doubts int
	fresh, staged         int  // runs that may be started without more ado; of them, later
	crowded               bool // one of them found no slot
}

func (s *State) decide(q *queue, d *decision, p *Polled, h *held, now Now) Verdict {
	claimed := Verdict{Event: run.EventClaimed}
	if s.byKey[p.Run.Key()] != nil {
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
	d.fresh++
	switch {
	case !h.inWindow(now):
		d.staged++
	case d.slots > 0:
		d.slots--
	default:
		d.crowded = true
		if d.others > 0 && p.Run.Hops < MaxHops {
			d.others--
			q.others--
			return Verdict{Event: run.EventReturned, Reason: run.ReasonNoSlot}
		}
	}
	return claimed
}

// adapt changes how many due runs to claim beyond the slots, as the claim of
// what was polled at polledAt ends: more if slots came free meanwhile and found
// nothing to do, fewer if more runs wait here than there are slots.
func (q *queue) adapt(polledAt time.Duration, now Now, most int) {
	waiting := q.overdue(now)
	ended := len(q.exits) > 0 && q.exits[len(q.exits)-1] >= polledAt
	switch {
	case q.full && ended && waiting == 0 && q.free() > 0:
		q.behind = min(most, max(2*q.behind, q.slots))
	case !q.full || waiting > q.slots:
		q.behind /= 2
	}
}

// learn adapts how far ahead to poll: twice as far after a poll of nothing
// but staged runs, not at all after one that found no slots.
func (q *queue) learn(d decision, most int) {
	q.full = q.asked > 0 && d.fresh >= q.asked && d.staged < d.fresh
	switch {
	case d.crowded:
		q.ahead = 0
	case d.staged > 0 && d.staged == d.fresh:
		q.ahead = min(most, max(2*q.ahead, aheadFirst))
	}
}

// unstarted returns how many runs are held without a slot.
func (q *queue) unstarted() int {
	n := 0
	for _, h := range q.order {
		if h.stage == waiting || h.stage == claiming {
			n++
		}
	}
	return n
}

// expected returns how many slots will come free while a claim is made,
// going by the last second. Where claims take long, as many again count, so
// that short runs are claimed ever faster until they fill the slots; but once
// claimed none is to wait for longer than a run waits anywhere.
func (q *queue) expected() int {
	during := max(claimTime, q.claimTook+min(q.claimTook, NoSlotWait))
	return int(time.Duration(len(q.exits)) * during / rateOver)
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

// prune forgets what is too old to count.
func (q *queue) prune(now Now) {
	q.exits = slices.DeleteFunc(q.exits, func(at time.Duration) bool { return now.Mono-at > rateOver })
	q.reported = slices.DeleteFunc(q.reported, func(r report) bool { return now.Mono-r.at > toldLag })
}
