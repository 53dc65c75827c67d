package claim

import (
	"slices"
	"time"
)

const (
	// ackSamples is of how many `starting` records it is remembered how long
	// their acknowledgement took; each further ackStep of them are learned from.
	ackSamples = 200
	ackStep    = 10
	// aheadMargin is for what comes after the acknowledgement.
	aheadMargin = 5 * time.Millisecond
	// beatApart is how far apart the beats are that announce starts.
	beatApart = 100 * time.Millisecond
)

// acks are the times that the latest `starting` records took, and how long
// before its due time a run is announced because of them. Later is better: a
// run whose worker dies after it was announced may have run.
type acks struct {
	took  []time.Duration
	next  int // which of took is the oldest, once there are ackSamples
	news  int // how many of took were not learned from yet
	ahead time.Duration
}

// add learns from one more.
func (a *acks) add(took time.Duration) {
	if len(a.took) < ackSamples {
		a.took = append(a.took, took)
	} else {
		a.took[a.next] = took
		a.next = (a.next + 1) % ackSamples
	}
	if a.news++; a.news < ackStep {
		return
	}
	a.news = 0
	sorted := slices.Sorted(slices.Values(a.took))
	slow := sorted[len(sorted)*99/100]
	a.ahead = min(max(slow*3/2+aheadMargin, LeastAhead), StartAhead)
}

// lead is how long before its due time a run is announced.
func (a *acks) lead() time.Duration {
	if a.ahead == 0 {
		return StartAhead
	}
	return a.ahead
}

// lead is how long before its due time h is announced: longer if a beat has to
// do it.
func (s *State) lead(h *held, q *queue) time.Duration {
	if s.hanging[h.run.Shard] {
		return StartAhead
	}
	return q.acks.lead()
}

// unanswered is for how long after it was sent a `starting` may be without an
// acknowledgement before a beat announces the run instead: as long as 99 of 100
// take, at the least.
func (q *queue) unanswered() time.Duration { return q.acks.lead() * 3 / 4 }

// wantsBeat reports whether a beat had better announce h: its `starting`, or
// those of its shard, have been on their way for too long.
func (s *State) wantsBeat(h *held, now Now) bool {
	if !h.announced || h.inLog {
		return false
	}
	if now.Mono-h.sentAt >= s.queue(h.queue).unanswered() {
		s.hanging[h.run.Shard] = true
	}
	return s.hanging[h.run.Shard]
}

// nudge asks for a beat if a run waits for one to announce it.
func (s *State) nudge(now Now, out *effects) {
	if s.nudged.set && now.Mono-s.nudged.at < beatApart {
		return
	}
	for _, q := range s.queues() {
		for _, h := range q.near {
			if h.stage == starting && h.listed == 0 && !h.crowded && s.wantsBeat(h, now) {
				s.nudged.note(now.Mono)
				out.add(SendBeat{})
				return
			}
		}
	}
}

// wakeToNudge has the state woken when h may want a beat.
func (s *State) wakeToNudge(q *queue, h *held, now Now, w *wake) {
	if h.listed > 0 || h.crowded {
		return
	}
	w.after(h.sentAt + q.unanswered() - now.Mono)
	if s.nudged.set {
		w.after(s.nudged.at + beatApart - now.Mono)
	}
}

// startingAcked takes that the `starting` of h is in events.
func (s *State) startingAcked(h *held, now Now, out *effects) {
	h.inLog, h.retry = true, false
	delete(s.hanging, h.run.Shard)
	if h.stage == ended {
		s.finish(h, out)
	}
	if h.stage != starting {
		return // a beat was faster
	}
	h.stage = ready
	q := s.queue(h.queue)
	average(&q.ackTook, now.Mono-h.sentAt)
	q.acks.add(now.Mono - h.sentAt)
}

// beatAcked takes that a lane has a beat. What it announces is announced: whoever
// judges us has read every lane.
func (s *State) beatAcked(in BeatAcked) {
	s.contact.Acked(in.Lane, in.Number, in.Sent)
	if since, ok := s.contact.Since(); ok {
		s.beat.note(since)
	}
	number := s.contact.Number()
	for _, q := range s.queues() {
		for _, h := range q.near {
			if h.stage == starting && h.listed > 0 && h.listed <= number {
				h.stage = ready
			}
		}
	}
}
