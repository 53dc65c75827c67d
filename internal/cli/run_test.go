package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/cli"
)

// A run is asked for while the leader of the events is away: only who follows it
// needs to know where they end.
func TestARunIsAskedForWithoutTheLeaderOfTheEvents(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	t.Setenv("BELFRY_BROKERS", strings.Join(c.ListenAddrs(), ","))
	t.Setenv("HOME", t.TempDir())
	belfry := func(args ...string) (int, string) {
		var said bytes.Buffer
		return cli.Main(args, &said, &said), said.String()
	}
	jobs := filepath.Join(t.TempDir(), "jobs.yaml")
	require.NoError(t, os.WriteFile(jobs, []byte("jobs:\n  - name: greet\n    cluster: cluster-a\n    command: echo hello\n"), 0o600))
	code, said := belfry("topics", "create", "--clusters", "cluster-a")
	require.Zero(t, code, said)
	code, said = belfry("apply", "--file", jobs)
	require.Zero(t, code, said)

	c.ControlKey(kmsg.ListOffsets.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		req := r.(*kmsg.ListOffsetsRequest)
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		away := false
		for _, asked := range req.Topics {
			answered := kmsg.NewListOffsetsResponseTopic()
			answered.Topic = asked.Topic
			away = away || strings.HasSuffix(asked.Topic, "events")
			for _, p := range asked.Partitions {
				partition := kmsg.NewListOffsetsResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.OffsetNotAvailable.Code
				answered.Partitions = append(answered.Partitions, partition)
			}
			resp.Topics = append(resp.Topics, answered)
		}
		return resp, nil, away
	})
	code, said = belfry("run", "greet")
	require.Zero(t, code, said)
	require.Regexp(t, `^[0-9a-f-]{36}\n$`, said)
	code, said = belfry("run", "greet", "--follow")
	require.Equal(t, 3, code, said)
}
