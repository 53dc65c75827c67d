package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/kafka"
)

const (
	// plainEvery is the time between two records to a partition.
	plainEvery = 100 * time.Millisecond
)

// plain is Kafka without Belfry: a client for each partition writes a record
// each plainEvery, with Belfry's own client settings, and notes how long Kafka
// takes to acknowledge it. No program on this Kafka can do better.
type plain struct {
	lanes   []*lane
	clients []*kgo.Client
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

// lane is one partition, led by the first of its replicas (broker IDs, from
// 1) as long as that is alive.
type lane struct {
	topic     string
	partition int32
	replicas  []int32

	mu   sync.Mutex
	acks []ack
	open time.Time // when the record without an answer was sent; zero if none
}

// ack is the instant at which a record was sent, and the time to its
// acknowledgement.
type ack struct {
	sent time.Time
	took time.Duration
}

// newPlain makes a topic with one partition for each order of three replicas
// and each pair of brokers, and begins to write.
func newPlain(ctx context.Context, o kafka.Options) (*plain, error) {
	p := &plain{}
	for name, all := range map[string][][]int32{
		"beside.three": {{1, 2, 3}, {2, 3, 1}, {3, 1, 2}},
		"beside.two":   {{1, 2}, {2, 3}, {3, 1}},
	} {
		if err := create(ctx, o, name, all); err != nil {
			return nil, err
		}
		for i, replicas := range all {
			p.lanes = append(p.lanes, &lane{topic: name, partition: int32(i), replicas: replicas})
		}
	}
	ctx, p.stop = context.WithCancel(ctx)
	for _, l := range p.lanes {
		cl, err := o.Client()
		if err != nil {
			p.close()
			return nil, err
		}
		p.clients = append(p.clients, cl)
		p.ended.Go(func() { l.write(ctx, cl) })
	}
	return p, nil
}

// create makes a topic with replicas assigned by hand. Its least count of
// replicas in sync is one below all of them, so that it outlives one broker.
func create(ctx context.Context, o kafka.Options, name string, all [][]int32) error {
	cl, err := o.Client()
	if err != nil {
		return err
	}
	defer cl.Close()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, -1, -1
	for i, replicas := range all {
		a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		a.Partition, a.Replicas = int32(i), replicas
		t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	}
	least := kmsg.NewCreateTopicsRequestTopicConfig()
	least.Name, least.Value = "min.insync.replicas", new(strconv.Itoa(len(all[0])-1))
	t.Configs = append(t.Configs, least)
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Topics, req.TimeoutMillis = append(req.Topics, t), 30_000
	res, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("making topic %s: %w", name, err)
	}
	return nil
}

// write sends a record each plainEvery; while one is not acknowledged, the
// next waits.
func (l *lane) write(ctx context.Context, cl *kgo.Client) {
	tick := time.NewTicker(plainEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sent := time.Now()
		l.mu.Lock()
		l.open = sent
		l.mu.Unlock()
		err := cl.ProduceSync(ctx, &kgo.Record{Topic: l.topic, Partition: l.partition, Value: []byte("x")}).FirstErr()
		l.mu.Lock()
		l.open = time.Time{}
		if ctx.Err() == nil && err == nil {
			l.acks = append(l.acks, ack{sent: sent, took: time.Since(sent)})
		}
		l.mu.Unlock()
	}
}

// worst returns the longest wait for an acknowledgement that came within the
// window. The wait for an acknowledgement that never came counts until the
// window's end.
func (l *lane) worst(w window) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	var worst time.Duration
	for _, a := range l.acks {
		if w.holds(a.sent.Add(a.took)) {
			worst = max(worst, a.took)
		}
	}
	if !l.open.IsZero() && l.open.Before(w.until) {
		worst = max(worst, w.until.Sub(l.open))
	}
	return worst
}

func (p *plain) close() {
	p.stop()
	for _, cl := range p.clients {
		cl.Close()
	}
	p.ended.Wait()
}
