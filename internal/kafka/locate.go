package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// straggle is how much longer than the first broker the others may take to
// say who leads.
const straggle = 300 * time.Millisecond

// leader is the broker that leads a partition, and since which election.
type leader struct{ id, epoch int32 }

// place is where a topic is: what a fetch needs to know.
type place struct {
	id      [16]byte
	leaders map[int32]leader // every partition's
}

// locate asks all brokers who leads each partition, if anybody does, and believes
// the latest election. A broker that was frozen, and deposed meanwhile, takes itself for
// the leader until it hears otherwise: whoever asks only it reads a topic
// that ends where it ended then.
func locate(ctx context.Context, cl *kgo.Client, name string) (place, error) {
	brokers, err := brokers(ctx, cl)
	if err != nil {
		return place{}, err
	}
	type said struct {
		topic kmsg.MetadataResponseTopic
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan said, len(brokers))
	for _, broker := range brokers {
		go func() {
			topic, err := ask(ctx, cl.Broker(int(broker)), name)
			answers <- said{topic, err}
		}()
	}
	at := place{leaders: map[int32]leader{}}
	var patience <-chan time.Time
	var failed error
	answered := false
	for range brokers {
		select {
		case a := <-answers:
			if a.err != nil {
				failed = a.err
				continue
			}
			answered = true
			at.learn(a.topic)
			if patience == nil {
				patience = time.After(straggle)
			}
			continue
		case <-patience:
		}
		break
	}
	if !answered {
		return place{}, failed
	}
	return at, nil
}

// brokers asks for the brokers and for no topics, of which kadm.ListBrokers
// would have all listed: thousands, in somebody else's Kafka.
func brokers(ctx context.Context, cl *kgo.Client) ([]int32, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	ids := make([]int32, 0, len(resp.Brokers))
	for _, b := range resp.Brokers {
		ids = append(ids, b.NodeID)
	}
	return ids, nil
}

// ask returns what one broker knows of a topic.
func ask(ctx context.Context, broker *kgo.Broker, name string) (kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(name)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, broker)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	if len(resp.Topics) != 1 {
		return kmsg.MetadataResponseTopic{}, fmt.Errorf("asked for one topic, the broker told of %d", len(resp.Topics))
	}
	return resp.Topics[0], kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

func (at *place) learn(t kmsg.MetadataResponseTopic) {
	at.id = t.TopicID
	for _, p := range t.Partitions {
		known, ok := at.leaders[p.Partition]
		if !ok || p.LeaderEpoch > known.epoch {
			at.leaders[p.Partition] = leader{p.Leader, p.LeaderEpoch}
		}
	}
}

// only returns what is known of the partitions of from.
func (at place) only(from map[int32]int64) place {
	at.leaders = maps.Clone(at.leaders)
	maps.DeleteFunc(at.leaders, func(p int32, _ leader) bool {
		_, asked := from[p]
		return !asked
	})
	return at
}

// led returns an error if nobody leads one of the partitions.
func (at *place) led() error {
	for p, l := range at.leaders {
		if l.id < 0 {
			return fmt.Errorf("partition %d: %w", p, kerr.LeaderNotAvailable)
		}
	}
	return nil
}

// The timestamps that ask for a log's ends.
const (
	earliest int64 = -2
	latest   int64 = -1
)

// offsets returns the earliest or latest offset of every partition. Where a
// leader does not tell, the others' come with an error.
func (at *place) offsets(ctx context.Context, cl *kgo.Client, name string, which int64) (map[int32]int64, error) {
	offsets := make(map[int32]int64, len(at.leaders))
	requests := map[int32]*kmsg.ListOffsetsRequest{}
	for p, l := range at.leaders {
		if l.id < 0 {
			continue
		}
		req := requests[l.id]
		if req == nil {
			req = kmsg.NewPtrListOffsetsRequest()
			req.ReplicaID = -1
			t := kmsg.NewListOffsetsRequestTopic()
			t.Topic = name
			req.Topics = append(req.Topics, t)
			requests[l.id] = req
		}
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.CurrentLeaderEpoch, partition.Timestamp = p, l.epoch, which
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, partition)
	}
	failures := []error{at.led()}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for id, req := range requests {
		wg.Go(func() {
			resp, err := req.RequestWith(ctx, cl.Broker(int(id)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, err)
				return
			}
			for _, t := range resp.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						failures = append(failures, fmt.Errorf("partition %d: %w", p.Partition, err))
						continue
					}
					offsets[p.Partition] = p.Offset
				}
			}
		})
	}
	wg.Wait()
	return offsets, errors.Join(failures...)
}

// Ends returns the offset behind the last record of each partition of a
// topic, as the leader of the latest election tells it. Where one does not tell,
// the others' come with an error.
func Ends(ctx context.Context, cl *kgo.Client, name string) (map[int32]int64, error) {
	at, err := locate(ctx, cl, name)
	if err != nil {
		return nil, fmt.Errorf("finding the end of topic %s: %w", name, err)
	}
	ends, err := at.offsets(ctx, cl, name, latest)
	if err != nil {
		return ends, fmt.Errorf("finding the end of topic %s: %w", name, err)
	}
	return ends, nil
}

// begin finds the leaders and fixes where the read starts and ends.
func (r *reading) begin(ctx context.Context) error {
	return patiently(ctx, func() error { return r.bound(ctx) })
}

// patiently tries again for as long as an election may take.
func patiently(ctx context.Context, try func() error) error {
	since := time.Now()
	for {
		err := try()
		if err == nil || !transient(err) || time.Since(since) > readStall {
			return err
		}
		if pause(ctx, retryBackoff) != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (r *reading) bound(ctx context.Context) error {
	at, err := locate(ctx, r.cl, r.topic)
	if err != nil {
		return err
	}
	if r.from == nil {
		r.from = fromStart(slices.Collect(maps.Keys(at.leaders)))
	}
	at = at.only(r.from)
	starts, err := at.offsets(ctx, r.cl, r.topic, earliest)
	if err != nil {
		return fmt.Errorf("finding its start: %w", err)
	}
	ends, err := at.offsets(ctx, r.cl, r.topic, latest)
	if err != nil {
		return fmt.Errorf("finding its end: %w", err)
	}
	r.place, r.next, r.until = at, map[int32]int64{}, map[int32]int64{}
	for p, from := range r.from {
		start, ok := starts[p]
		if !ok {
			return fmt.Errorf("it has no partition %d", p)
		}
		r.next[p] = max(from, start)
		if r.follow || r.next[p] < ends[p] {
			r.until[p] = ends[p]
		}
	}
	return nil
}
