package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOrderOfTimes: which limit of a transaction comes first decides who knows
// what became of it. A broker's session is Kafka's own default, measured with
// what follows it: 12 s, and 24 s with ZooKeeper.
func TestOrderOfTimes(t *testing.T) {
	for _, tt := range []struct {
		why             string
		shorter, longer time.Duration
	}{
		{"a transaction outlasts the longest standstill that was measured, and the next request after it", 24*time.Second + produceTimeout + transactionalOverhead, Stall},
		{"a shard's records are given up before its transaction is", Stall, CommitWait},
		{"a shard knows what became of its transaction before a broker aborts it", CommitWait, ShardTimeout},
		{"a claim outlasts a standstill of KRaft", 12 * time.Second, transactionTimeout},
		{"a dead worker's claim holds up its queue for less than the lead, with the 10 s after which brokers look", transactionTimeout + 10*time.Second, 30 * time.Second},
		{"a frozen broker is given up before its session ends", produceTimeout + transactionalOverhead, 9 * time.Second},
		{"a group is joined anew before a claim is given up", sessionTimeout, Stall},
		{"the read of a topic goes on for as long as Kafka may stand still", 24 * time.Second, readStall},
	} {
		require.Less(t, tt.shorter, tt.longer, tt.why)
	}
}
