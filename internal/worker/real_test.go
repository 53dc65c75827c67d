//go:build !synctests

package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry-cron/belfry/internal/kafka"
)

// inWorld runs f on an in-process broker behind real sockets, in real time.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := newWorld(t, c, kafka.Options{Brokers: c.ListenAddrs()})
	defer w.close()
	f(w)
}
