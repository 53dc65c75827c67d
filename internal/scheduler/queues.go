package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
)

const (
	// lookEvery is how soon a resized queue's new partitions are used.
	lookEvery = 5 * time.Second
	// lookAgain keeps a missing topic from being looked for with every run.
	lookAgain = time.Second
	// lookFor is for how long a topic is asked about that no run went to.
	lookFor = time.Hour
	// makeWait bounds the making of a new cluster's queues.
	makeWait = 10 * time.Second
)

// queues knows how many partitions the topics of the clusters in use have,
// shared by the loops of all shards. It asks Kafka for those and no others:
// somebody else's Kafka may hold thousands.
type queues struct {
	o     Options
	adm   *kadm.Client
	admin *kafka.Admin
	// asking is held by whoever asks Kafka; it may take long.
	asking chan struct{}

	mu sync.Mutex
	// counts holds the topics that were asked about, 0 for those that do not
	// exist.
	counts map[string]int32
	// wanted is when each topic was asked for last.
	wanted map[string]time.Time
	looked time.Time
}

func newQueues(cl *kgo.Client, o Options) *queues {
	return &queues{
		o: o, adm: kadm.NewClient(cl), admin: kafka.NewAdmin(cl, o.Names),
		asking: make(chan struct{}, 1), counts: map[string]int32{}, wanted: map[string]time.Time{},
	}
}

// count asks how many partitions a topic has that must exist. Not every broker
// knows at once of a topic that was just made.
func (q *queues) count(ctx context.Context, name string) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, makeWait)
	defer cancel()
	for {
		topics, err := q.adm.ListTopics(ctx, name)
		if err == nil {
			err = topics[name].Err
		}
		if err == nil {
			return int32(len(topics[name].Partitions)), nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("counting the partitions of %s: %w", name, err)
		case <-time.After(askAgain):
		}
	}
}

// partitions returns how many partitions the topic has. A topic that does
// not exist is made together with its cluster's others, if that is allowed;
// otherwise there are none. Nobody waits for Kafka to know again what was
// known: a broker that does not answer would hold every shard up.
func (q *queues) partitions(name, cluster string) int32 {
	n, current := q.known(name)
	if current {
		return n
	}
	if n > 0 {
		q.refresh()
		return n
	}
	q.asking <- struct{}{}
	defer func() { <-q.asking }()
	return q.find(name, cluster)
}

// find looks for the topic, and makes it where that is allowed. It is called
// by whoever holds asking.
func (q *queues) find(name, cluster string) int32 {
	n, current := q.known(name)
	if current {
		return n
	}
	ctx, cancel := context.WithTimeout(context.Background(), makeWait)
	defer cancel()
	q.look(ctx)
	if n, _ = q.known(name); n == 0 && q.o.CreateTopics {
		made, err := q.admin.EnsureTopics(ctx, []string{cluster}, q.o.Shards, kafka.EnsureOptions{})
		if err != nil {
			q.o.Log.Error("making a cluster's topics", "cluster", cluster, "error", err)
		} else {
			q.o.Log.Info("made a cluster's topics", "cluster", cluster, "topics", made)
		}
		q.look(ctx)
		n, _ = q.known(name)
	}
	return n
}

// known returns the count that was seen last, and whether it will do.
func (q *queues) known(name string) (n int32, current bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wanted[name] = time.Now()
	n, asked := q.counts[name]
	age := time.Since(q.looked)
	return n, n > 0 && age < lookEvery || asked && age < lookAgain
}

// refresh looks in the background.
func (q *queues) refresh() {
	q.behind(func() {
		ctx, cancel := context.WithTimeout(context.Background(), makeWait)
		defer cancel()
		q.look(ctx)
	})
}

// ensure finds the topic in the background. No worker can take runs off a queue
// that does not exist, and without a worker nothing is put on it.
func (q *queues) ensure(name, cluster string) {
	if n, current := q.known(name); n == 0 || !current {
		q.behind(func() { q.find(name, cluster) })
	}
}

// behind does something in the background, unless somebody asks Kafka already.
func (q *queues) behind(do func()) {
	select {
	case q.asking <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-q.asking }()
		do()
	}()
}

// look refreshes the counts; without an answer the last ones stand.
func (q *queues) look(ctx context.Context) {
	topics, err := q.adm.ListTopics(ctx, q.names()...)
	if err != nil {
		q.o.Log.Warn("listing the topics of the clusters in use", "error", err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.looked = time.Now()
	counts := make(map[string]int32, len(topics))
	for name, detail := range topics {
		switch {
		case detail.Err == nil:
			counts[name] = int32(len(detail.Partitions))
		case errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
			counts[name] = 0
		default:
			counts[name] = q.counts[name]
		}
	}
	q.counts = counts
}

// names returns the topics to ask for, and forgets those of clusters that are
// not in use any more.
func (q *queues) names() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	maps.DeleteFunc(q.wanted, func(_ string, at time.Time) bool { return time.Since(at) > lookFor })
	return slices.Collect(maps.Keys(q.wanted))
}
