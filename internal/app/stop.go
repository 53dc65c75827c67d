package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// stack is what is to be stopped: every step is pushed right after what it
// stops was started, and they run in the reverse order.
type stack struct {
	log *slog.Logger

	mu    sync.Mutex
	steps []step
}

type step struct {
	name string
	stop func(context.Context) error
}

func (s *stack) push(name string, stop func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, step{name, stop})
}

// close runs all steps, also after one failed, and joins their errors. They
// share limit.
func (s *stack) close(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var failed []error
	for {
		last, ok := s.pop()
		if !ok {
			return errors.Join(failed...)
		}
		s.log.Debug("stopping", "part", last.name)
		if err := last.stop(ctx); err != nil {
			failed = append(failed, fmt.Errorf("stopping %s: %w", last.name, err))
		}
	}
}

// pop takes one step at a time, since a part that is still running may push
// another meanwhile.
func (s *stack) pop() (step, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) == 0 {
		return step{}, false
	}
	last := s.steps[len(s.steps)-1]
	s.steps = s.steps[:len(s.steps)-1]
	return last, true
}

// roles runs things that go on until their context ends. The first that ends
// by itself is told on failed.
type roles struct {
	stack  *stack
	failed chan error
}

func newRoles(s *stack) *roles { return &roles{stack: s, failed: make(chan error, 1)} }

// start runs one and pushes its end.
func (r *roles) start(ctx context.Context, name string, body func(context.Context) error) {
	r.stack.push(name, r.run(ctx, name, body))
}

// run runs one and returns what ends it. Its context carries what ctx does
// but does not end with it: the stack decides the order of the ends.
func (r *roles) run(ctx context.Context, name string, body func(context.Context) error) (stop func(context.Context) error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() {
		err := body(own)
		if own.Err() != nil {
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			done <- err
			return
		}
		if err == nil {
			err = errors.New("ended although nobody stopped it")
		}
		done <- nil
		select {
		case r.failed <- fmt.Errorf("%s: %w", name, err):
		default: // another one failed first; all will be stopped
		}
	}()
	return func(limit context.Context) error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-limit.Done():
			return errors.New("did not end in time")
		}
	}
}

// wait returns when ctx ends (nil) or when a role failed.
func (r *roles) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.failed:
		return err
	}
}

// unlessEnded returns err, but nil if it only says that ctx ended: whoever
// asked to stop while a part was starting got what was asked for.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
