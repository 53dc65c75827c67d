package conformance

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestAJobSetAsideIsSeen: a job whose runs are larger than their topic takes is
// shown as set aside, with the reason in words, until it is defined anew.
func TestAJobSetAsideIsSeen(t *testing.T) {
	conform(t, func(w *world) {
		w.belfry("topics", "create", "--clusters", "cluster-a")
		_, err := kadm.NewClient(w.cl).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
			{Op: kadm.SetConfig, Name: "max.message.bytes", Value: new("4000")},
		}, w.names.Runs("cluster-a"))
		require.NoError(t, err)
		w.scheduler("s1")
		w.worker("w1", "cluster-a")
		noise := make([]byte, 20_000) // no codec makes it small
		_, _ = rand.Read(noise)
		const big = `
jobs:
  - {name: big, schedule: "* * * * * *", seconds: true, command: [cat], stdin: %q}
`
		w.apply(fmt.Sprintf(big, base64.StdEncoding.EncodeToString(noise)))
		const words = "its record is larger than Kafka accepts"
		w.await("the job to be shown as set aside", func() bool { return strings.Contains(w.belfry("jobs"), "set aside") })
		var jobs []struct {
			Aside string `json:"set_aside"`
			Why   string `json:"set_aside_why"`
		}
		require.NoError(t, json.Unmarshal([]byte(w.belfry("jobs", "--output", "json")), &jobs))
		require.Len(t, jobs, 1)
		require.Equal(t, "oversized", jobs[0].Aside)
		require.Equal(t, words, jobs[0].Why)
		explained := func() bool {
			out := w.belfry("explain", "big")
			return strings.Contains(out, "undecided") && strings.Contains(out, words)
		}
		w.await("its due times to be explained", explained)
		w.apply(fmt.Sprintf(big, "small"))
		w.await("the job to run", func() bool { return strings.Contains(w.belfry("runs", "--job", "big"), "succeeded") })
		require.NotContains(t, w.belfry("jobs", "--output", "json"), "set_aside")
	})
}

// TestAClosedClusterIsSeen: a cluster whose queue must not be written is shown
// with its reason in words, until it may be.
func TestAClosedClusterIsSeen(t *testing.T) {
	t.Parallel()
	var rights []kfake.ACL
	for _, kind := range []kmsg.ACLResourceType{
		kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeCluster, kmsg.ACLResourceTypeTransactionalId,
	} {
		rights = append(rights, kfake.ACL{
			Resource: kind, Pattern: kmsg.ACLResourcePatternTypeLiteral, Name: "*", Operation: kmsg.ACLOperationAll, Allow: true,
		})
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(), kfake.EnableACLs(),
		kfake.User("PLAIN", "ANONYMOUS", "nobody", rights...))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := newWorld(t, c.ListenAddrs())
	w.belfry("topics", "create", "--clusters", "cluster-a")
	_, err = kadm.NewClient(w.cl).CreateACLs(t.Context(), kadm.NewACLs().Topics(w.names.Runs("cluster-a")).
		ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite).Deny("User:ANONYMOUS").DenyHosts("*"))
	require.NoError(t, err)
	w.scheduler("s1")
	w.apply(`
jobs:
  - {name: tick, schedule: "* * * * * *", seconds: true, command: [/bin/true]}
`)
	type closed struct {
		Cluster string `json:"cluster"`
		By      string `json:"by"`
		Reason  string `json:"reason"`
		Why     string `json:"why"`
	}
	var answer struct {
		Closed []closed `json:"closed_clusters"`
	}
	w.await("the cluster to be shown as closed", func() bool {
		require.NoError(t, json.Unmarshal([]byte(w.belfry("members", "--output", "json")), &answer))
		return len(answer.Closed) > 0
	})
	require.Equal(t, []closed{{"cluster-a", "s1", "not_authorized", "the topics of its cluster may not be written"}}, answer.Closed)
	w.await("the runs to be explained", func() bool { return strings.Contains(w.belfry("explain", "tick"), answer.Closed[0].Why) })
}
