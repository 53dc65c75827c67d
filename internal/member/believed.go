package member

import "time"

// early is how much sooner than it should a scheduler's beat may come, seen
// from a reader that took a member's latest one late.
const early = 250 * time.Millisecond

// Believed returns m with the status that may be acted on at now, by the
// clock that Hear was given and that began when reading did. The log alone
// may be wrong: the instants in beats are their writers' word, and a log can
// be written faster than time passes. So nobody is silent or gone whom this
// reader has itself heard more recently than that.
//
// A scheduler that was dead when reading began is: a reader that took it for
// living would see other owners than everybody else.
func (m Member) Believed(now time.Duration) Member {
	unheard := now - m.Heard
	switch m.Status {
	case StatusGone:
		switch {
		case m.Role == RoleScheduler && (m.Heard == 0 || unheard >= atLeast(SchedulerGone)):
		case m.Role == RoleWorker && unheard >= atLeast(WorkerGone):
		case m.Role == RoleWorker && unheard >= atLeast(WorkerSilent):
			m.Status = StatusSilent
		default:
			m.Status = StatusLive
		}
	case StatusSilent:
		if unheard < atLeast(WorkerSilent) {
			m.Status = StatusLive
		}
	case StatusLive, StatusLeft:
	}
	return m
}

// atLeast is how long that many beats of one scheduler take: the first may
// come right after the member's own.
func atLeast(beats int) time.Duration {
	return time.Duration(beats-1)*SchedulerEvery - early
}
