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

// silence returns how long ago the worker last was in touch: its latest
// acknowledged beat was sent, and the end of control was looked up that it has
// read since. It is false before the first of both.
func (s *State) silence(now Now) (time.Duration, bool) {
	return now.Mono - min(s.beat.at, s.control.at), s.beat.set && s.control.set
}

// unheard returns how long ago the latest acknowledged beat was sent: nothing
// else tells shards that we live.
func (s *State) unheard(now Now) time.Duration { return now.Mono - s.beat.at }

// inTouch reports whether runs may be started and claimed.
func (s *State) inTouch(now Now) bool {
	return s.beat.set && s.control.set && now.Mono-s.beat.at <= InTouch && now.Mono-s.control.at <= ControlFresh
}

// MayStart is the last look of a shell, right before it starts a command: when
// that was decided, when the latest acknowledged beat was sent, and when the
// end of control was looked up that was read since.
func MayStart(now, decided, beaten, controlled time.Duration) bool {
	return now-decided <= ExecSoon && now-beaten <= InTouch && now-controlled <= ControlFresh
}

// noticeSilence acts on beats that were not acknowledged in time, and on a
// control topic that cannot be read. It comes before every input, so that word
// that arrives late cannot hide the gap before it.
func (s *State) noticeSilence(now Now, out *effects) {
	d, ok := s.silence(now)
	if !ok || d <= OutOfTouch {
		return
	}
	for _, q := range s.queues() {
		s.giveBackAll(q, run.ReasonOutOfTouch, out)
		for _, h := range q.near {
			if s.unheard(now) > LostContact && h.run.OnLost == job.LostRetry {
				s.kill(h, run.StateLost, run.ReasonOutOfTouch, out)
			}
		}
	}
}

// informed reports whether control was read to an end that was looked up after
// h was decided: a recall that was committed before is known.
func (s *State) informed(h *held) bool { return s.control.at >= h.polledAt }
