package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/topic"
)

// createLimit bounds one request to make topics, and then the wait for their
// leaders.
const createLimit = 30 * time.Second

// ErrNoTopics is wrapped when Belfry's topics do not exist.
var ErrNoTopics = errors.New("Belfry's topics do not exist: make them with `belfry topics create`")

// Admin makes and inspects Belfry's topics. It does not own the client.
type Admin struct {
	cl    *kgo.Client
	adm   *kadm.Client
	names topic.Names
}

// NewAdmin returns an Admin for the topics under names.
func NewAdmin(cl *kgo.Client, names topic.Names) *Admin {
	return &Admin{cl: cl, adm: kadm.NewClient(cl), names: names}
}

// EnsureOptions changes how missing topics are made; zero values mean the
// defaults of topic.Settings.
type EnsureOptions struct {
	QueuePartitions int32 // of runs.<cluster> and retries.<cluster>
	Replication     int16
}

// EnsureTopics makes the topics that are missing, waits until every partition
// of all of them has a leader, and returns the names of those made, sorted.
// Zero shards means as many as there are, or topic.DefaultShards. Existing
// topics are never changed; if their count of shards is another than asked
// for, that is an error.
func (a *Admin) EnsureTopics(ctx context.Context, clusters []string, shards int32, o EnsureOptions) ([]string, error) {
	existing, err := a.existingShards(ctx)
	if err != nil && !errors.Is(err, ErrNoTopics) {
		return nil, err
	}
	switch {
	case existing == 0 && shards == 0:
		shards = topic.DefaultShards
	case existing != 0 && shards == 0:
		shards = existing
	case existing != 0 && shards != existing:
		return nil, fmt.Errorf("the topics have %d shards, not the %d asked for; a key must keep its shard, so the number cannot change",
			existing, shards)
	}
	brokers, err := a.adm.ListBrokers(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing brokers: %w", err)
	}
	settings := topic.Settings(a.names, clusters, shards, len(brokers))
	all := make([]string, 0, len(settings))
	for i := range settings {
		o.apply(&settings[i], a.names)
		all = append(all, settings[i].Name)
	}
	details, err := a.topics(ctx, all...)
	if err != nil {
		return nil, err
	}
	settings = slices.DeleteFunc(settings, func(s topic.Setting) bool { return details.Has(s.Name) })
	created, err := a.create(ctx, settings, brokersOf(brokers))
	if err != nil {
		return created, err
	}
	partitions := make(map[string]int, len(all))
	for _, name := range all {
		partitions[name] = 1
	}
	return created, a.awaitLeaders(ctx, partitions)
}

func brokersOf(details kadm.BrokerDetails) []topic.Broker {
	all := make([]topic.Broker, 0, len(details))
	for _, d := range details {
		b := topic.Broker{ID: d.NodeID}
		if d.Rack != nil {
			b.Rack = *d.Rack
		}
		all = append(all, b)
	}
	return all
}

func (o EnsureOptions) apply(s *topic.Setting, names topic.Names) {
	cluster, _ := names.Cluster(s.Name)
	if o.QueuePartitions > 0 && (s.Name == names.Runs(cluster) || s.Name == names.Retries(cluster)) {
		s.Partitions = o.QueuePartitions
	}
	if o.Replication > 0 && !(s.Lanes && o.Replication > s.Replication) {
		s.Replication = o.Replication
		if s.Replication < 3 {
			s.Config["min.insync.replicas"] = "1"
		}
	}
}

// create sends one request for all, so that a cluster is never left with
// half of them for long. A topic somebody else made meanwhile is not an error.
func (a *Admin) create(ctx context.Context, settings []topic.Setting, brokers []topic.Broker) ([]string, error) {
	if len(settings) == 0 {
		return nil, nil
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = int32(createLimit.Milliseconds())
	for _, s := range settings {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = s.Name, s.Partitions, s.Replication
		if s.Lanes {
			t.NumPartitions, t.ReplicationFactor = -1, -1
			for lane, replicas := range topic.LaneReplicas(brokers, int(s.Partitions), int(s.Replication)) {
				of := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
				of.Partition, of.Replicas = int32(lane), replicas
				t.ReplicaAssignment = append(t.ReplicaAssignment, of)
			}
		}
		for name, value := range s.Config {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = name, &value
			t.Configs = append(t.Configs, c)
		}
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, a.cl)
	if err != nil {
		return nil, fmt.Errorf("creating topics: %w", err)
	}
	var created []string
	var failed []error
	for _, t := range resp.Topics {
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case err == nil:
			created = append(created, t.Topic)
		case !errors.Is(err, kerr.TopicAlreadyExists):
			failed = append(failed, fmt.Errorf("creating topic %s: %w%s", t.Topic, err, detail(t.ErrorMessage)))
		}
	}
	slices.Sort(created)
	return created, errors.Join(failed...)
}

func detail(message *string) string {
	if message == nil || *message == "" {
		return ""
	}
	return " (" + *message + ")"
}

// awaitLeaders waits until every broker knows the topics with at least so
// many partitions, each with a leader: a broker that has not heard of a new
// topic yet says it does not exist.
func (a *Admin) awaitLeaders(ctx context.Context, partitions map[string]int) error {
	ctx, cancel := context.WithTimeout(ctx, createLimit)
	defer cancel()
	for {
		waiting, err := a.leaderless(ctx, partitions)
		if err == nil && len(waiting) == 0 {
			// The client itself may answer from what it knew this long ago.
			return pause(ctx, metadataMinAge+time.Millisecond)
		}
		if pause(ctx, metadataMinAge) != nil {
			return fmt.Errorf("waiting for the leaders of %s: %w", strings.Join(waiting, ", "), errors.Join(ctx.Err(), err))
		}
	}
}

// leaderless returns the topics some reachable broker knows no leader of.
func (a *Admin) leaderless(ctx context.Context, partitions map[string]int) ([]string, error) {
	names := slices.Sorted(maps.Keys(partitions))
	brokers, err := a.adm.ListBrokers(ctx)
	if err != nil {
		return names, err
	}
	waiting := map[string]bool{}
	answered := false
	for _, broker := range brokers {
		req := kmsg.NewPtrMetadataRequest()
		for _, name := range names {
			t := kmsg.NewMetadataRequestTopic()
			t.Topic = new(name)
			req.Topics = append(req.Topics, t)
		}
		resp, err := req.RequestWith(ctx, a.cl.Broker(int(broker.NodeID)))
		if err != nil {
			continue // it died a moment ago
		}
		answered = true
		for _, t := range resp.Topics {
			led := t.ErrorCode == 0 && len(t.Partitions) >= partitions[*t.Topic]
			for _, p := range t.Partitions {
				led = led && p.ErrorCode == 0 && p.Leader >= 0
			}
			if !led {
				waiting[*t.Topic] = true
			}
		}
	}
	if !answered {
		return names, errors.New("no broker answers")
	}
	return slices.Sorted(maps.Keys(waiting)), nil
}

// Shards returns the number of shards: the partition count of the jobs topic,
// which those of commands, events and state must equal. It wraps ErrNoTopics
// if one is missing.
func (a *Admin) Shards(ctx context.Context) (int32, error) {
	shards, err := a.existingShards(ctx)
	if err != nil {
		return 0, err
	}
	details, err := a.topics(ctx, a.names.Sharded()...)
	if err != nil {
		return 0, err
	}
	for _, name := range a.names.Sharded() {
		if !details.Has(name) {
			return 0, fmt.Errorf("topic %s is missing: %w", name, ErrNoTopics)
		}
	}
	return shards, nil
}

// existingShards returns the one partition count of those of the sharded
// topics that exist.
func (a *Admin) existingShards(ctx context.Context) (int32, error) {
	details, err := a.topics(ctx, a.names.Sharded()...)
	if err != nil {
		return 0, err
	}
	if len(details) == 0 {
		return 0, fmt.Errorf("no topic %s: %w", a.names.Jobs(), ErrNoTopics)
	}
	var counts []string
	var shards int32
	agree := true
	for _, name := range a.names.Sharded() {
		d, ok := details[name]
		if !ok {
			continue
		}
		n := int32(len(d.Partitions))
		counts = append(counts, fmt.Sprintf("%s %d", name, n))
		agree = agree && (shards == 0 || shards == n)
		shards = n
	}
	if !agree {
		return 0, fmt.Errorf("the topics disagree on the number of shards (partitions): %s; they must be equal and must never have been changed",
			strings.Join(counts, ", "))
	}
	return shards, nil
}

// topics returns the details of those of names that exist.
func (a *Admin) topics(ctx context.Context, names ...string) (kadm.TopicDetails, error) {
	details, err := a.adm.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("listing topics: %w", err)
	}
	for name, d := range details {
		switch {
		case errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			delete(details, name)
		case d.Err != nil && !errors.Is(d.Err, kerr.LeaderNotAvailable):
			return nil, fmt.Errorf("describing topic %s: %w", name, d.Err)
		}
	}
	return details, nil
}

// Resize adds partitions to a queue, dead or output topic until it has n, or
// lanes to members. The topic is named in full or without the prefix. Shards
// cannot be resized and no topic can shrink.
func (a *Admin) Resize(ctx context.Context, name string, n int32) error {
	if !strings.HasPrefix(name, a.names.Prefix) {
		name = a.names.Prefix + name
	}
	if name == a.names.Members() {
		return a.addLanes(ctx, n)
	}
	if _, ok := a.names.Cluster(name); !ok {
		return fmt.Errorf("topic %s cannot be resized: only %s and the topics of a cluster can, such as %s", name, a.names.Members(), a.names.Runs("cluster-a"))
	}
	details, err := a.topics(ctx, name)
	if err != nil {
		return err
	}
	d, ok := details[name]
	if !ok {
		return fmt.Errorf("topic %s does not exist", name)
	}
	if has := int32(len(d.Partitions)); has >= n {
		return fmt.Errorf("topic %s has %d partitions already; Kafka can only add some", name, has)
	}
	resp, err := a.adm.UpdatePartitions(ctx, int(n), name)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return fmt.Errorf("resizing topic %s to %d partitions: %w", name, n, err)
	}
	return a.awaitLeaders(ctx, map[string]int{name: int(n)})
}
