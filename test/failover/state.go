package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// lookEvery is how often the state of all partitions is asked for.
	lookEvery = 250 * time.Millisecond
	// wholeLimit is how long a cluster may take to be whole again.
	wholeLimit = 5 * time.Minute
)

// overseer asks brokers for the state of partitions. Broker IDs count from 1.
type overseer struct {
	cl  *kgo.Client
	adm *kadm.Client
}

func newOverseer(addresses []string) (*overseer, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.MetadataMinAge(50*time.Millisecond),
		kgo.RequestTimeoutOverhead(time.Second), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	return &overseer{cl: cl, adm: kadm.NewClient(cl)}, nil
}

// partitions are all there are; an error means that no broker answered in time.
func (o *overseer) partitions(ctx context.Context) ([]kadm.PartitionDetail, error) {
	asking, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	topics, err := o.adm.ListTopicsWithInternal(asking)
	if err != nil {
		return nil, err
	}
	var all []kadm.PartitionDetail
	topics.EachPartition(func(d kadm.PartitionDetail) { all = append(all, d) })
	return all, nil
}

// whole reports whether every partition has a leader and all its replicas in
// sync.
func whole(all []kadm.PartitionDetail) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(d kadm.PartitionDetail) bool {
		return d.Err != nil || d.Leader < 0 || len(d.ISR) < len(d.Replicas)
	})
}

// without reports whether Kafka goes on without those brokers: every partition
// has a leader and enough replicas in sync, none of them among the gone.
func without(all []kadm.PartitionDetail, gone []int32) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(d kadm.PartitionDetail) bool {
		return d.Err != nil || d.Leader < 0 || slices.Contains(gone, d.Leader) ||
			slices.ContainsFunc(d.ISR, func(id int32) bool { return slices.Contains(gone, id) })
	})
}

// serving reports whether every partition can be written: a leader and two
// replicas in sync, or one where there are two replicas.
func serving(all []kadm.PartitionDetail) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(d kadm.PartitionDetail) bool {
		return d.Err != nil || d.Leader < 0 || len(d.ISR) < min(2, len(d.Replicas)-1)
	})
}

// await looks until ok, and returns when that was.
func (o *overseer) await(ctx context.Context, limit time.Duration, ok func([]kadm.PartitionDetail) bool) (time.Time, error) {
	for end := time.Now().Add(limit); ; {
		all, err := o.partitions(ctx)
		if err == nil && ok(all) {
			return time.Now(), nil
		}
		if time.Now().After(end) {
			return time.Time{}, fmt.Errorf("waited %s in vain for Kafka's partitions: %w", limit, err)
		}
		if err := wait(ctx, lookEvery); err != nil {
			return time.Time{}, err
		}
	}
}

// answer reports whether those brokers answer. A broker that was killed and is
// back too soon may be in sync by the word of the others, and not be there yet.
func (o *overseer) answer(ctx context.Context, ids []int32) bool {
	asking, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return !slices.ContainsFunc(ids, func(id int32) bool {
		_, err := o.cl.Broker(int(id)).Request(asking, kmsg.NewPtrMetadataRequest())
		return err != nil
	})
}

// balance has every partition led by the first of its replicas again, and waits
// until it is.
func (o *overseer) balance(ctx context.Context) error {
	if _, err := o.await(ctx, wholeLimit, whole); err != nil {
		return err
	}
	_, err := o.await(ctx, wholeLimit, func(all []kadm.PartitionDetail) bool {
		if !slices.ContainsFunc(all, func(d kadm.PartitionDetail) bool { return d.Leader != d.Replicas[0] }) {
			return whole(all)
		}
		asking, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, _ = o.adm.ElectLeaders(asking, kadm.ElectPreferredReplica, nil) // asked again until it shows
		return false
	})
	return err
}

// holdings are the duties of a broker at the instant of the strike.
type holdings struct {
	// Beats says that it led the first partition of the beats, Events of how
	// many partitions of the events it led, Partitions of all topics.
	Beats      bool `json:"leads_beats"`
	Events     int  `json:"leads_events"`
	Partitions int  `json:"leads"`
	// Controller says that it was the active controller. Coordinates counts the
	// groups and transactional IDs it coordinated.
	Controller  bool `json:"controller"`
	Coordinates int  `json:"coordinates"`

	shards []int32 // whose events it led
}

func (o *overseer) holdings(ctx context.Context, names topic.Names, id int32) (holdings, error) {
	all, err := o.partitions(ctx)
	if err != nil {
		return holdings{}, err
	}
	var h holdings
	for _, d := range all {
		if d.Leader != id {
			continue
		}
		h.Partitions++
		switch d.Topic {
		case names.Events():
			h.shards = append(h.shards, d.Partition)
		case names.Members():
			h.Beats = h.Beats || d.Partition == 0
		}
	}
	h.Events = len(h.shards)
	h.Controller = o.controller(ctx) == id
	groups, err := o.adm.ListGroups(ctx)
	if err != nil {
		return h, err
	}
	for _, g := range groups {
		if g.Coordinator == id {
			h.Coordinates++
		}
	}
	transactions, err := o.adm.ListTransactions(ctx, nil, nil)
	for _, t := range transactions {
		if t.Coordinator == id {
			h.Coordinates++
		}
	}
	return h, err
}

// controller is the broker that is the active controller, -1 if that cannot be
// told.
func (o *overseer) controller(ctx context.Context) int32 {
	req := kmsg.NewPtrDescribeQuorumRequest()
	p := kmsg.NewDescribeQuorumRequestTopicPartition()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic, t.Partitions = "__cluster_metadata", append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(ctx, o.cl)
	if err == nil && res.ErrorCode == 0 && len(res.Topics) > 0 && len(res.Topics[0].Partitions) > 0 {
		return res.Topics[0].Partitions[0].LeaderID
	}
	// With ZooKeeper, the brokers' answers name it.
	m, err := o.adm.Metadata(ctx)
	if err != nil {
		return -1
	}
	return m.Controller
}

// beatsLeader is the index of the broker that leads the first partition of the
// beats.
func (o *overseer) beatsLeader(ctx context.Context, names topic.Names) (int, error) {
	all, err := o.partitions(ctx)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(all, func(d kadm.PartitionDetail) bool { return d.Topic == names.Members() && d.Partition == 0 })
	if i < 0 || all[i].Leader < 1 {
		return 0, fmt.Errorf("topic %s has no leader", names.Members())
	}
	return int(all[i].Leader) - 1, nil
}

// watch notes the instants at which Kafka went on without the brokers and at
// which every partition could be written again.
type watch struct {
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu      sync.Mutex
	gone    []int32   // empty once they are given back
	without time.Time // first seen; zero if not yet
	serving time.Time // since when; zero if it is not
}

func (o *overseer) watch(ctx context.Context, gone []int32) *watch {
	w := &watch{gone: gone}
	ctx, w.stop = context.WithCancel(ctx)
	w.ended.Go(func() {
		for wait(ctx, lookEvery) == nil {
			all, _ := o.partitions(ctx) // none if nobody answers
			if ctx.Err() == nil {
				w.note(all)
			}
		}
	})
	return w
}

func (w *watch) note(all []kadm.PartitionDetail) {
	w.mu.Lock()
	defer w.mu.Unlock()
	goesOn := without(all, w.gone)
	if goesOn && w.without.IsZero() {
		w.without = time.Now()
	}
	switch {
	case !goesOn || !serving(all):
		w.serving = time.Time{}
	case w.serving.IsZero():
		w.serving = time.Now()
	}
}

// back says that the brokers are given back.
func (w *watch) back() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = nil
}

// end stops watching. It returns the instant at which Kafka went on without the
// brokers, zero if it did not, and the instant since which every partition can be
// written, now at the latest.
func (w *watch) end() (without, serving time.Time) {
	w.stop()
	w.ended.Wait()
	if w.serving.IsZero() {
		w.serving = time.Now()
	}
	return w.without, w.serving
}
