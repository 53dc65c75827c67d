package scheduler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/scheduler"
)

// TestASchedulerWithoutShardsIsReady: where there are more schedulers than
// shards all are ready, and one that is told to end says so.
func TestASchedulerWithoutShardsIsReady(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder())
	require.NoError(t, err)
	defer broker.Close()
	w := newWorld(t, broker.ListenAddrs())
	ctx, stop := context.WithCancel(t.Context())
	facts, ended := make(chan func() ready.Scheduler, shards+1), make(chan error, shards+1)
	for i := range shards + 1 {
		go func() {
			ended <- scheduler.Run(ctx, scheduler.Options{
				Name: fmt.Sprint("s", i), Kafka: w.kafka, Names: w.names, Shards: shards,
				Observe: func(f func() ready.Scheduler) { facts <- f },
			})
		}()
	}
	var all []func() ready.Scheduler
	for range shards + 1 {
		all = append(all, <-facts)
	}
	require.Eventually(t, func() bool {
		owned, idle := 0, 0
		for _, ask := range all {
			state := ask()
			if len(state.Reasons(time.Now())) > 0 {
				return false
			}
			for _, s := range state.Shards {
				if s.Unloaded.IsZero() {
					owned++
				}
			}
			if len(state.Shards) == 0 {
				idle++
			}
		}
		return owned == shards && idle == 1
	}, 30*time.Second, 50*time.Millisecond)
	stop()
	for range all {
		require.NoError(t, <-ended)
	}
	for _, ask := range all {
		reasons := ask().Reasons(time.Now())
		require.Len(t, reasons, 1)
		require.Equal(t, ready.Leaving, reasons[0].Code)
	}
}
