package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// mark is the latest time of something, by the monotonic clock.
type mark struct {
	at  time.Duration
	set bool
}

// note moves the mark on, never back.
func (m *mark) note(at time.Duration) {
	if !m.set || at > m.at {
		m.at, m.set = at, true
	}
}

// silence returns how long ago the latest beat was sent that some lane has. It is
// false before the first, and before control was read to an end.
func (s *State) silence(now Now) (time.Duration, bool) {
	return now.Mono - s.beat.at, s.beat.set && s.control.set
}

// deafness returns how long ago the end of control was looked up that it was
// read to.
func (s *State) deafness(now Now) time.Duration { return now.Mono - s.control.at }

// unheard returns how long ago the latest acknowledged beat was sent: nothing
// else tells shards that we live.
func (s *State) unheard(now Now) time.Duration { return now.Mono - s.beat.at }

// beating reports whether runs may be started as far as beats go.
func (s *State) beating(now Now) bool {
	return s.beat.set && s.control.set && now.Mono-s.beat.at <= InTouch
}

// inTouch reports whether runs may be claimed, and started that were claimed
// just now.
func (s *State) inTouch(now Now) bool { return s.beating(now) && s.deafness(now) <= ControlFresh }

// MayStart is the last look of a shell, right before it starts a command: when
// that was decided, when the latest beat was sent that some lane has acknowledged,
// and when the end of control was looked up that was read since.
func MayStart(now, decided, beaten, controlled time.Duration, cleared bool) bool {
	fresh := ControlFresh
	if cleared {
		fresh = ControlLost
	}
	return now-decided <= ExecSoon && now-beaten <= InTouch && now-controlled <= fresh
}

// noticeSilence acts on beats that were not acknowledged in time, and on a
// control topic that cannot be read. It comes before every input, so that word
// that arrives late cannot hide the gap before it.
func (s *State) noticeSilence(now Now, out *effects) {
	d, ok := s.silence(now)
	if !ok {
		return
	}
	if d > OutOfTouch || s.deafness(now) > ControlLost {
		for _, q := range s.queues() {
			s.giveBackAll(q, run.ReasonOutOfTouch, out)
		}
	} else if s.deafness(now) > OutOfTouch {
		s.giveBackUncleared(out)
	}
	for _, q := range s.queues() {
		for _, h := range q.near {
			if d > LostContact && h.run.OnLost == job.LostRetry {
				s.kill(h, run.StateLost, run.ReasonOutOfTouch, out)
			}
		}
	}
}

// giveBackUncleared returns the runs that cannot be started before control is
// read again.
func (s *State) giveBackUncleared(out *effects) {
	if s.control.at >= s.took.at {
		return
	}
	for _, q := range s.queues() {
		for _, h := range q.all() {
			if h.unexecuted() && !s.cleared(h) {
				s.giveBack(h, run.ReasonOutOfTouch, out)
			}
		}
	}
}

// cleared reports whether control was read to an end that was looked up after h
// was claimed. A recall of a run on a queue that this look missed was written
// after the claim: its shard reads the claim before it withdraws the run.
func (s *State) cleared(h *held) bool { return h.stage != claiming && s.control.at >= h.claimedAt }

// informed reports whether h may be started as far as control goes: it was read
// just now, to an end that was looked up after h was decided, or once since h was
// claimed.
func (s *State) informed(h *held, now Now) bool {
	deaf := s.deafness(now)
	return deaf <= ControlFresh && s.control.at >= h.polledAt || deaf <= ControlLost && s.cleared(h)
}
