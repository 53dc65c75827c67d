package exec

import (
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Stream carries one attempt's output from Run to a sink, within limits: it
// is a Bounded that may be written from several goroutines and whose chunks
// wait no longer than they may.
type Stream struct {
	mu      sync.Mutex
	bounded *Bounded
	flush   *time.Timer
	every   time.Duration
	armed   bool
	closed  bool
}

// NewStream returns a stream into sink, which is called by one goroutine at
// a time, with chunks as NewBounded says. While the sink blocks, so do Output
// and, sooner or later, the command.
func NewStream(limits Limits, sink func(run.Output)) *Stream {
	b := NewBounded(limits, sink)
	return &Stream{bounded: b, every: b.limits.FlushEvery}
}

// Output takes what the command writes; it is Run's out.
func (s *Stream) Output(stream string, p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bounded.Write(stream, p, time.Now().UTC())
	if s.armed || !s.bounded.Waiting() {
		return
	}
	s.armed = true
	if s.flush == nil {
		s.flush = time.AfterFunc(s.every, s.flushNow)
		return
	}
	s.flush.Reset(s.every)
}

func (s *Stream) flushNow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
	if !s.closed {
		s.bounded.Flush()
	}
}

// Close hands the rest to the sink and fills in the outcome's OutputBytes,
// OutputCutBytes and Tail. Call it once, when Run has returned.
func (s *Stream) Close(o *run.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.flush != nil {
		s.flush.Stop()
	}
	s.bounded.Finish(o, time.Now().UTC())
}
