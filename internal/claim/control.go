package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// rememberFor is how long a recall or cancel is remembered: longer than
	// the control topic keeps it.
	rememberFor = 25 * time.Hour
	// rememberMost bounds how many are. mayMatter is for how long after a word
	// was spoken a run that it is about may still count as young.
	rememberMost = 100_000
	mayMatter    = 10 * ConfirmAfter
)

// memory holds recalls and cancels, since they may arrive before the claim
// of the run they speak of.
type memory struct {
	byRun map[run.ID]remembered
	// order is the runs by when they were last spoken of.
	order []spoken
	// lost is until when runs may come of which a word had to be forgotten.
	lost mark
}

// remembered is the latest word about a run: what it asks holds for this
// fence and all below.
type remembered struct {
	fence  int64
	reason string
	at     time.Duration
}

// spoken is a word when we heard of it, and how long before that it was said.
type spoken struct {
	id      run.ID
	at, ago time.Duration
}

func (m *memory) add(c run.Control, reason string, now Now) {
	fence := max(c.Fence, m.byRun[c.Run].fence)
	m.byRun[c.Run] = remembered{fence: fence, reason: reason, at: now.Mono}
	m.order = append(m.order, spoken{id: c.Run, at: now.Mono, ago: max(0, now.Wall.Sub(c.At))})
	for len(m.order) > rememberMost || now.Mono-m.order[0].at > rememberFor {
		oldest := m.order[0]
		if m.byRun[oldest.id].at == oldest.at {
			delete(m.byRun, oldest.id)
			m.lost.note(oldest.at - oldest.ago + mayMatter)
		}
		m.order = m.order[1:]
	}
}

// forgets reports whether a word may have been forgotten about a run that
// comes now and is young enough to be started without asking.
func (m *memory) forgets(now Now) bool { return m.lost.set && now.Mono < m.lost.at }

// about returns why a run is not to be started, if somebody said so.
func (m *memory) about(k run.Key) (string, bool) {
	r, ok := m.byRun[k.ID]
	return r.reason, ok && k.Fence <= r.fence
}

// controlled takes a shard's word. One that names another worker answers what
// that one said: it may claim what we hold.
func (s *State) controlled(c run.Control, now Now, out *effects) {
	if c.Member != "" && c.Member != s.cfg.Name {
		return
	}
	switch c.Type {
	case run.ControlFree:
		if c.Cluster == s.cfg.Cluster {
			s.runs.tell(c.FreeSlots, now)
			s.retries.tell(c.FreeRetrySlots, now)
		}
	case run.ControlConfirm:
		s.confirmed(c)
	case run.ControlRecall:
		s.asked.add(c, c.Reason, now)
		s.each(c, func(h *held) {
			if h.stage == waiting {
				s.drop(h, c.Reason, out)
			}
		})
	case run.ControlCancel:
		reason := c.Reason
		if reason == "" {
			reason = run.ReasonCancelled
		}
		s.asked.add(c, reason, now)
		s.each(c, func(h *held) { s.cancel(h, reason, out) })
	case run.ControlReplaced: // is for the shell
	}
}

func (s *State) cancel(h *held, reason string, out *effects) {
	switch h.stage {
	case waiting:
		s.drop(h, reason, out)
	case starting, ready:
		s.cancelUnexecuted(h, reason, out)
	case running:
		s.kill(h, run.StateCancelled, reason, out)
	case claiming, settling:
	}
}

// each calls do with every run that c speaks of.
func (s *State) each(c run.Control, do func(*held)) {
	for h := s.byRun[c.Run]; h != nil; h = h.next {
		if h.run.Fence <= c.Fence {
			do(h)
		}
	}
}
