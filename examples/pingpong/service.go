package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// group is the consumer group of all instances.
	group = "dev.pingpong"
	// maxBatch is how many requests one transaction answers at most.
	maxBatch = 500
	// transactionLimit is how long a killed instance keeps its requests from the
	// others, by its membership and by its transaction.
	transactionLimit = 10 * time.Second
	// endLimit is how long an instance that was told to stop may take to end
	// its transaction.
	endLimit = 10 * time.Second
	// maxShown is how many bytes of a message are logged.
	maxShown = 1024
	// pause is between two tries of what failed.
	pause = time.Second
)

// options says what an instance is.
type options struct {
	brokers []string
	name    string        // unique among the living, the same after a restart
	wait    time.Duration // how long to wait for Kafka
	log     *slog.Logger
	metrics *metrics
}

// service is one instance.
type service struct {
	options
	session *kgo.GroupTransactSession
}

// newService reaches Kafka within the wait, makes the topics that are missing,
// and joins the group.
func newService(ctx context.Context, o options) (*service, error) {
	if err := await(ctx, o); err != nil {
		return nil, err
	}
	s := &service{options: o}
	if err := s.join(); err != nil {
		return nil, err
	}
	return s, nil
}

// join begins a membership of the group. Its transactional ID fences whatever
// the instance's last one left open.
func (s *service) join() error {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(s.brokers...),
		kgo.ClientID("pingpong-"+s.name),
		kgo.TransactionalID("dev.pingpong."+s.name),
		kgo.TransactionTimeout(transactionLimit),
		kgo.SessionTimeout(transactionLimit),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topicRequested),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(16<<20),
		kgo.MetadataMinAge(250*time.Millisecond),
	)
	if err != nil {
		return fmt.Errorf("joining the group %s: %w", group, err)
	}
	s.session = session
	return nil
}

// await waits until Kafka answers and has the topics.
func await(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	// A client without a group: membership begins when there is something to read.
	cl, err := kgo.NewClient(kgo.SeedBrokers(o.brokers...))
	if err != nil {
		return fmt.Errorf("the settings of Kafka: %w", err)
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	for told := false; ; {
		err := makeTopics(ctx, admin)
		if err == nil {
			return nil
		}
		if !told {
			o.log.Info("waiting for Kafka", "brokers", strings.Join(o.brokers, ","), "at_most", o.wait.String(), "error", err)
			told = true
		}
		if !rest(ctx) {
			return fmt.Errorf("Kafka at %s did not answer within %s: %w", strings.Join(o.brokers, ","), o.wait, err)
		}
	}
}

// makeTopics makes what is missing with the brokers' own defaults.
func makeTopics(ctx context.Context, admin *kadm.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	made, err := admin.CreateTopics(ctx, -1, -1, nil, topicRequested, topicSucceeded, topicFailed)
	if err != nil {
		return err
	}
	for _, topic := range made {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("making the topic %s: %w", topic.Topic, topic.Err)
		}
	}
	return nil
}

// run answers requests until ctx ends. What fails is tried again: no event and
// no broker ends it.
func (s *service) run(ctx context.Context) error {
	defer func() { s.session.Close() }()
	for ctx.Err() == nil {
		fetches := s.session.PollRecords(ctx, maxBatch)
		if ctx.Err() != nil {
			break
		}
		err := s.answerAll(ctx, fetches)
		if err == nil {
			continue
		}
		s.metrics.errors.WithLabelValues("transaction").Inc()
		s.log.Warn("answers were not committed; the requests are read again", "error", err)
		if errors.Is(err, errRebalanced) {
			continue
		}
		// The transaction's end is not known: begin anew, which ends it.
		s.session.Close()
		rest(ctx)
		if err := s.join(); err != nil {
			return err
		}
	}
	return nil
}

// answerAll answers the requests that were fetched.
func (s *service) answerAll(ctx context.Context, fetches kgo.Fetches) error {
	fetches.EachError(func(topic string, partition int32, err error) {
		s.metrics.errors.WithLabelValues("fetch").Inc()
		s.log.Warn("reading requests", "topic", topic, "partition", partition, "error", err)
	})
	requests := fetches.Records()
	if len(requests) == 0 {
		return nil
	}
	s.metrics.backlog.Set(float64(behind(fetches)))
	began := time.Now()
	answers, err := s.transact(ctx, requests)
	s.metrics.busy.Add(time.Since(began).Seconds())
	if err != nil {
		return err
	}
	s.tell(requests, answers, time.Now())
	return nil
}

// outlasting returns a context that ends a while after ctx: a transaction that
// is under way when the instance is told to stop is ended, not left open.
func outlasting(ctx context.Context) (context.Context, func()) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(endLimit)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-later.Done():
		}
	})
	return later, func() { stop(); cancel() }
}

// errRebalanced says that partitions moved, so that another instance answers.
var errRebalanced = errors.New("partitions were given to another instance meanwhile")

// transact answers all requests in one transaction.
func (s *service) transact(ctx context.Context, requests []*kgo.Record) ([]answer, error) {
	ctx, cancel := outlasting(ctx)
	defer cancel()
	if err := s.session.Begin(); err != nil {
		return nil, fmt.Errorf("beginning a transaction: %w", err)
	}
	var failed kgo.FirstErrPromise
	answers := make([]answer, 0, len(requests))
	for _, r := range requests {
		a := answerTo(r.Value)
		answers = append(answers, a)
		s.session.Produce(ctx, &kgo.Record{Topic: a.topic, Key: r.Key, Value: a.value}, failed.Promise())
	}
	produced := failed.Err()
	committed, err := s.session.End(ctx, kgo.TransactionEndTry(produced == nil))
	switch {
	case produced != nil:
		return nil, errors.Join(fmt.Errorf("writing answers: %w", produced), err)
	case err != nil:
		return nil, fmt.Errorf("ending the transaction: %w", err)
	case !committed:
		return nil, errRebalanced
	}
	return answers, nil
}

// tell counts and logs what was committed.
func (s *service) tell(requests []*kgo.Record, answers []answer, now time.Time) {
	for i, r := range requests {
		a := answers[i]
		s.metrics.answers.WithLabelValues(string(a.verdict)).Inc()
		s.metrics.latency.Observe(max(now.Sub(r.Timestamp).Seconds(), 0))
		s.log.Info("answered",
			"message", shown(r.Value), "partition", r.Partition, "offset", r.Offset,
			"response", string(a.value), "topic", a.topic)
	}
}

// shown is as much of a message as belongs into a log.
func shown(value []byte) string {
	if len(value) <= maxShown {
		return string(value)
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(string(value[:maxShown]), ""), len(value))
}

// behind is how many requests are waiting behind those that were fetched.
func behind(fetches kgo.Fetches) int64 {
	var sum int64
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if n := len(p.Records); n > 0 {
			sum += max(p.HighWatermark-p.Records[n-1].Offset-1, 0)
		}
	})
	return sum
}

// rest waits a moment and reports whether ctx still lasts.
func rest(ctx context.Context) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
