package kafkatest

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

// TestClusters starts both kinds of cluster, takes a broker away and gives it
// back. It takes about a minute of a small machine, so it has to be asked for.
func TestClusters(t *testing.T) {
	if os.Getenv("BELFRY_TEST_CLUSTERS") == "" {
		t.Skip("BELFRY_TEST_CLUSTERS is not set: no cluster is started")
	}
	for _, version := range []string{Latest, ZooKeeper} {
		t.Run(version, func(t *testing.T) {
			c := Run(t, Options{Version: version})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			o := kafka.Options{Brokers: c.Brokers()}
			cl, err := o.Client()
			require.NoError(t, err)
			defer cl.Close()
			require.NoError(t, kafka.CheckFeatures(ctx, cl))
			names := topic.Names{Prefix: topic.DefaultPrefix}
			_, err = kafka.NewAdmin(cl, names).EnsureTopics(ctx, []string{"cluster-a"}, 0, kafka.EnsureOptions{})
			require.NoError(t, err)

			count := 0
			produce := func(when string) {
				for p := range topic.DefaultShards {
					record := &kgo.Record{Topic: names.Events(), Partition: p, Value: []byte(when)}
					require.NoError(t, cl.ProduceSync(ctx, record).FirstErr(), when)
					count++
				}
			}
			produce("whole")
			require.NoError(t, c.Kill(1))
			produce("one killed")
			require.NoError(t, c.Restart(ctx, 1))
			require.NoError(t, c.Freeze(2))
			produce("one frozen")
			require.NoError(t, c.Thaw(2))
			require.NoError(t, kafka.ReadAll(ctx, o, names.Events(), nil, kafka.ReadCommitted, func(*kgo.Record) error { count--; return nil }))
			require.Zero(t, count)

			pids := c.Pids()
			require.Len(t, pids, map[string]int{Latest: 3, ZooKeeper: 6}[version])
			c.Stop()
			for name, pid := range pids {
				require.NoDirExists(t, "/proc/"+strconv.Itoa(pid), "%s still runs", name)
			}
		})
	}
}

func TestUnknownVersionNamesTheKnown(t *testing.T) {
	_, err := Jars(t.Context(), "0.8")
	require.ErrorContains(t, err, Latest)
	require.ErrorContains(t, err, ZooKeeper)
}

func TestMissingJavaIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Start(t.Context(), Options{Dir: t.TempDir()})
	require.ErrorIs(t, err, ErrNotInstalled)
	require.ErrorContains(t, err, "Java")
}

// TestABrokerIsCutOff cuts a broker off: nobody reaches it, nobody is told so,
// and the others go on. Then it is one of them again.
func TestABrokerIsCutOff(t *testing.T) {
	if os.Getenv("BELFRY_TEST_CLUSTERS") == "" {
		t.Skip("BELFRY_TEST_CLUSTERS is not set: no cluster is started")
	}
	c, err := Start(t.Context(), Options{Dir: t.TempDir(), Apart: true})
	if errors.Is(err, ErrNotApart) || errors.Is(err, ErrNotInstalled) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	dial := func(i int) error {
		conn, err := net.DialTimeout("tcp", c.Brokers()[i], time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	require.NoError(t, dial(1))
	require.NoError(t, c.Cut(t.Context(), 1))
	require.ErrorContains(t, dial(1), "i/o timeout")
	require.NoError(t, dial(2))
	require.NoError(t, c.Join(t.Context(), 1))
	require.NoError(t, dial(1))
}
