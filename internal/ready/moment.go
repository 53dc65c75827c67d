package ready

import (
	"sync/atomic"
	"time"
)

// Moment is an instant that one goroutine notes and others read. Its zero
// value is the zero time.
type Moment struct{ at atomic.Pointer[time.Time] }

// Note sets the instant.
func (m *Moment) Note(at time.Time) { m.at.Store(&at) }

// NoteFirst sets the instant unless one is set: since when something lasts.
func (m *Moment) NoteFirst(at time.Time) { m.at.CompareAndSwap(nil, &at) }

// Clear goes back to the zero time.
func (m *Moment) Clear() { m.at.Store(nil) }

// Get returns the instant.
func (m *Moment) Get() time.Time {
	if at := m.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}
