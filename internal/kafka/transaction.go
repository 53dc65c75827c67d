package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A dead broker stays in sync until its session ends (9 s, with ZooKeeper 18 s),
// then its partitions and coordinators move: for 9 to 24 s, as measured, Kafka
// acknowledges nothing, whoever leads, and then goes on. A transaction that
// waits for that costs the wait; one that is thrown away costs a take-over or a
// new group session on top of it.
const (
	// Stall is the longest standstill of Kafka that a transaction is meant to
	// outlast: the longest measured, and as much again on a busy host. A record
	// in a transaction is given up after it, and so is a request.
	Stall = 40 * time.Second

	// CommitWait bounds a transaction from its beginning to the answer to its
	// end: one standstill, and room for what is done before and after it.
	CommitWait = Stall + 5*time.Second

	// ShardTimeout is when a broker aborts a shard's transaction. It may exceed
	// every wait of the client: whoever owns the shard next aborts what was left
	// open by taking the transactional ID.
	ShardTimeout = 60 * time.Second

	// transactionTimeout is when a broker aborts the other transactions. Nobody
	// takes the transactional ID of a worker or an editor that died; until then
	// an open claim holds up its partitions of the queue, and what is open hides
	// what was committed behind it. So they outlast a standstill of 9 to 12 s but
	// not one of 24 s, after which a claim is fenced and its runs are polled
	// again.
	transactionTimeout = 15 * time.Second

	// transactionalOverhead is how long a transactional client waits for an
	// answer beyond the time that the request grants the broker: twice what other
	// clients wait, since a late answer that closes the connection costs all else
	// under way on it. A frozen broker costs as much again when its partitions
	// and coordinators are led by others.
	transactionalOverhead = 2 * requestOverhead

	// The timers of a classic consumer group. Six seconds is the least a
	// default broker allows; a heartbeat is also how a member learns of a
	// rebalance.
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = 2 * time.Second
	rebalanceTimeout  = 15 * time.Second
)

// Transactional returns a client that produces in transactions under the
// transactional ID id; a broker aborts them after 15 s unless extra says
// otherwise. Its first ProducerID call fences every earlier client of that ID.
// After any error of it: close it and make a new one.
func (o Options) Transactional(id string, extra ...kgo.Opt) (*kgo.Client, error) {
	return o.client(true, append(transactional(id), extra...)...)
}

// GroupSession joins group as a consumer of topics whose End commits the
// polled offsets and the records produced since Begin in one transaction
// under txnID. It starts at the beginning of partitions the group has never
// read. Its End answers (true, nil) when the polled records are ours, (false,
// nil) when they are not, and an error when nobody knows.
func (o Options) GroupSession(group, txnID string, topics []string, extra ...kgo.Opt) (*kgo.GroupTransactSession, error) {
	base, err := o.base(true)
	if err != nil {
		return nil, err
	}
	opts := append(base, transactional(txnID)...)
	opts = append(opts,
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(sessionTimeout),
		kgo.HeartbeatInterval(heartbeatInterval),
		kgo.RebalanceTimeout(rebalanceTimeout),
	)
	session, err := kgo.NewGroupTransactSession(append(opts, extra...)...)
	if err != nil {
		return nil, fmt.Errorf("joining consumer group %s: %w", group, err)
	}
	return session, nil
}

func transactional(id string) []kgo.Opt {
	return []kgo.Opt{
		kgo.TransactionalID(id),
		kgo.TransactionTimeout(transactionTimeout),
		kgo.RecordDeliveryTimeout(Stall),
		kgo.RequestTimeoutOverhead(transactionalOverhead),
		// A coordinator that is away is looked for until it has moved: by time,
		// of which the number of tries must not be the shorter bound.
		kgo.RequestRetries(int(Stall / retryBackoff)),
		kgo.RetryTimeoutFn(retryTimeout),
	}
}

// Outlast returns the context of one transaction that is begun now. It ends
// after CommitWait, or last after ours, that of the role it belongs to: whoever
// stops, or is nobody's any more, leaves what Kafka does not end to those who
// take the transactional ID.
func Outlast(ours context.Context, last time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ours), CommitWait)
	stop := context.AfterFunc(ours, func() { time.AfterFunc(last, cancel) })
	return ctx, func() {
		stop()
		cancel()
	}
}

// retryTimeout is for how long a request of that kind is sent again. A member
// that is not heard for its session is out of its group, and joins anew.
func retryTimeout(key int16) time.Duration {
	switch kmsg.Key(key) {
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat:
		return sessionTimeout
	}
	return Stall
}
