package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry-cron/belfry/internal/topic"
)

// TestReplicas: each way in which a partition can stand badly is told.
func TestReplicas(t *testing.T) {
	s := topic.Setting{Name: "belfry.events", Replication: 3}
	for wrong, p := range map[string]kadm.PartitionDetail{
		"":                                {Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{3, 1, 2}},
		"partition 0 has no leader":       {Leader: -1, Replicas: []int32{1, 2, 3}},
		"partition 0 has 2 of 3 replicas": {Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}},
		"of partition 0 the replicas 1, 2 are in sync, of 1, 2, 3": {Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}},
	} {
		f := replicas(s, kadm.TopicDetail{Partitions: kadm.PartitionDetails{0: p}})
		require.Equal(t, wrong, f.Wrong)
		require.Equal(t, wrong == "", f.Do == "")
	}
}

// TestSettled: settings that safety rests on are told with the command that
// mends them; how long records are kept is nobody's business but the operator's.
func TestSettled(t *testing.T) {
	s := topic.Settings(topic.Names{Prefix: "b."}, nil, 8, 3)[0]
	have := map[string]string{"cleanup.policy": "compact", "min.insync.replicas": "2", "unclean.leader.election.enable": "false", "delete.retention.ms": "1"}
	require.Empty(t, settled(s, have).Wrong)
	have["unclean.leader.election.enable"], have["min.insync.replicas"] = "true", "1"
	f := settled(s, have)
	require.Equal(t, "min.insync.replicas is 1, not 2; unclean.leader.election.enable is true, not false", f.Wrong)
	require.Equal(t, "kafka-configs.sh --alter --entity-type topics --entity-name b.jobs "+
		"--add-config min.insync.replicas=2,unclean.leader.election.enable=false", f.Do)
	require.NotEmpty(t, enough(2).Wrong)
	require.Empty(t, enough(3).Wrong)
}
