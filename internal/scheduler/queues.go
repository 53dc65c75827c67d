package scheduler

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
)

const (
	// lookEvery is how soon a resized queue's new partitions are used.
	lookEvery = 5 * time.Second
	// lookAgain keeps a missing topic from being looked for with every run.
	lookAgain = time.Second
	// makeWait bounds the making of a new cluster's queues.
	makeWait = 10 * time.Second
)

// queues knows how many partitions each topic has, shared by the loops of
// all shards.
type queues struct {
	o     Options
	adm   *kadm.Client
	admin *kafka.Admin
	// asking is held by whoever asks Kafka; it may take long.
	asking chan struct{}

	mu     sync.Mutex
	counts map[string]int32
	looked time.Time
}

func newQueues(cl *kgo.Client, o Options) *queues {
	return &queues{
		o: o, adm: kadm.NewClient(cl), admin: kafka.NewAdmin(cl, o.Names),
		asking: make(chan struct{}, 1), counts: map[string]int32{},
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
	if n, current = q.known(name); current {
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
	n, age := q.counts[name], time.Since(q.looked)
	return n, n > 0 && age < lookEvery || age < lookAgain
}

// refresh looks in the background, unless somebody does already.
func (q *queues) refresh() {
	select {
	case q.asking <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-q.asking }()
		ctx, cancel := context.WithTimeout(context.Background(), makeWait)
		defer cancel()
		q.look(ctx)
	}()
}

// look refreshes the counts; without an answer the last ones stand.
func (q *queues) look(ctx context.Context) {
	topics, err := q.adm.ListTopics(ctx)
	if err != nil {
		q.o.Log.Warn("listing the topics", "error", err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.looked = time.Now()
	clear(q.counts)
	for name, detail := range topics {
		if detail.Err == nil {
			q.counts[name] = int32(len(detail.Partitions))
		}
	}
}
