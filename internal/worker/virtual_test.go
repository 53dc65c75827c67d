//go:build synctests

package worker_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry-cron/belfry/internal/kafka"
)

// inWorld runs f on an in-process broker behind a virtual network, in
// virtual time.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	inWorldOf(t, 1, f)
}

// inWorldOf is inWorld on so many brokers.
func inWorldOf(t *testing.T, brokers int, f func(w *world)) {
	t.Helper()
	ports := []int{9092, 9093, 9094}[:brokers]
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		c, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SleepOutOfOrder(), kfake.ListenFn(network.Listen), kfake.Ports(ports...))
		require.NoError(t, err)
		defer c.Close()
		w := newWorld(t, c, kafka.Options{Brokers: c.ListenAddrs(), Dialer: network.DialContext})
		defer w.close()
		f(w)
	})
}
