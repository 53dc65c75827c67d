//go:build synctests

package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/worker"
)

// TestDrainWithoutKafka has a worker leave while Kafka takes nothing: it
// gives up in bounded time and says what it could not report.
func TestDrainWithoutKafka(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		s, left := newScript("long"), make(chan error, 1)
		go func() {
			left <- worker.Run(ctx, worker.Options{
				Name: "w1", Cluster: cluster, Queues: []run.Queue{run.QueueRuns}, Slots: 1,
				Kafka: w.kafka, Names: w.names, Shards: shards, Runner: s, Drain: time.Minute,
			})
		}()
		w.stage(newRun("long", 0))
		<-s.started
		heal := w.fault(kmsg.Produce.Int16())
		cancel()
		begin := time.Now()
		require.ErrorContains(t, <-left, "without having reported 1 runs")
		require.Less(t, time.Since(begin), 2*time.Minute)
		require.NotZero(t, heal())
	})
}
