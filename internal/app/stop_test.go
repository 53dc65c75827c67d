package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStackStopsInReverseAndJoinsErrors(t *testing.T) {
	st := &stack{log: slog.New(slog.DiscardHandler)}
	var order []string
	push := func(name string, err error) {
		st.push(name, func(context.Context) error {
			order = append(order, name)
			return err
		})
	}
	push("broker", errors.New("disk full"))
	push("scheduler", nil)
	push("worker", errors.New("stuck"))
	err := st.close(time.Second)
	require.Equal(t, []string{"worker", "scheduler", "broker"}, order)
	require.EqualError(t, err, "stopping worker: stuck\nstopping broker: disk full")
	require.NoError(t, st.close(time.Second), "nothing is stopped twice")
}

// TestStackStopsWhatIsPushedMeanwhile: a job file may start a worker in the
// moment the process ends.
func TestStackStopsWhatIsPushedMeanwhile(t *testing.T) {
	st := &stack{log: slog.New(slog.DiscardHandler)}
	stopped := false
	st.push("source", func(context.Context) error {
		st.push("late worker", func(context.Context) error { stopped = true; return nil })
		return nil
	})
	require.NoError(t, st.close(time.Second))
	require.True(t, stopped)
}

func TestRolesEndInOrderAndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &stack{log: slog.New(slog.DiscardHandler)}
		r := newRoles(st)
		ctx, cancel := context.WithCancel(t.Context())
		var order []string
		for _, name := range []string{"scheduler", "worker"} {
			r.start(ctx, name, func(ctx context.Context) error {
				<-ctx.Done()
				order = append(order, name)
				return ctx.Err()
			})
		}
		cancel()
		require.NoError(t, r.wait(ctx), "being told to stop is no failure")
		synctest.Wait()
		require.Empty(t, order, "a role outlives ctx until its turn has come")
		require.NoError(t, st.close(time.Minute))
		require.Equal(t, []string{"worker", "scheduler"}, order)

		release := make(chan struct{})
		r.start(t.Context(), "deaf", func(context.Context) error { <-release; return nil })
		begin := time.Now()
		require.ErrorContains(t, st.close(time.Minute), "stopping deaf: did not end in time")
		require.Equal(t, time.Minute, time.Since(begin))
		close(release)
	})
}

func TestRolesTellOfTheFirstFailure(t *testing.T) {
	for name, fail := range map[string]error{"error": errors.New("boom"), "silent end": nil} {
		t.Run(name, func(t *testing.T) {
			st := &stack{log: slog.New(slog.DiscardHandler)}
			r := newRoles(st)
			r.start(t.Context(), "worker", func(context.Context) error { return fail })
			require.ErrorContains(t, r.wait(t.Context()), "worker: ")
			require.NoError(t, st.close(time.Minute))
		})
	}
}

func TestBeingStoppedWhileStartingIsNoFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	waiting := fmt.Errorf("waiting for Kafka: %w", context.Canceled)
	require.Error(t, unlessEnded(ctx, waiting), "somebody else's end")
	cancel()
	require.NoError(t, unlessEnded(ctx, waiting))
	require.Error(t, unlessEnded(ctx, errors.New("disk full")))
}
