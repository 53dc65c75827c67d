package broker

import (
	"sync/atomic"
	"time"
)

// since is when a trouble that lasts began. The broker's goroutine says so,
// anybody may ask.
type since struct{ at atomic.Pointer[time.Time] }

func (s *since) begin(now time.Time) { s.at.CompareAndSwap(nil, &now) }

func (s *since) end() { s.at.Store(nil) }

func (s *since) get() time.Time {
	if at := s.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Troubles says since when the broker refuses records because its disk is
// full, and since when it cannot write its journal; zero where it does not.
func (b *Broker) Troubles() (full, failing time.Time) {
	if b.space != nil {
		full = b.space.full.get()
	}
	return full, b.unjournaled.get()
}
