package kafka

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// transactionTimeout is when the broker aborts a transaction whose
	// producer has gone silent: until then it hides everything committed
	// behind it.
	transactionTimeout = 10 * time.Second

	// transactionalDelivery is when a record in a transaction is given up;
	// less than transactionTimeout, so that the producer knows first.
	transactionalDelivery = 8 * time.Second

	// The timers of a classic consumer group. Six seconds is the least a
	// default broker allows; a heartbeat is also how a member learns of a
	// rebalance.
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = 2 * time.Second
	rebalanceTimeout  = 15 * time.Second
)

// Transactional returns a client that produces in transactions under the
// transactional ID id. Its first ProducerID call fences every earlier client
// of that ID. After any error of it: close it and make a new one.
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
		kgo.RecordDeliveryTimeout(transactionalDelivery),
	}
}
