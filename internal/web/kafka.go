package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/belfry-cron/belfry/internal/kafka"
)

// kafkaBody is what Kafka says of itself.
type kafkaBody struct {
	Reachable bool
	Trouble   string
	Brokers   []brokerRow
	Topics    []topicRow
	Behind    string // how far history lags
	BehindFor string
	Ready     bool
}

// brokerRow is a broker.
type brokerRow struct {
	ID         int32
	Address    string
	Rack       string
	Controller bool
}

// topicRow is one of Belfry's topics.
type topicRow struct {
	Name        string
	Partitions  int
	Replication int
	Records     string
	Lag         string   // what its readers have not taken yet
	Short       []string // partitions whose replicas are not all in sync
	Offline     []int32
}

// kafkaPatience is how long Kafka may take to answer a page.
const kafkaPatience = 5 * time.Second

func (s *Site) kafka(ctx context.Context, _ *http.Request, _ reader) (frame, error) {
	b := kafkaBody{}
	if s.o.Tail != nil {
		p := s.o.Tail.Progress()
		b.Ready, b.Behind = p.Ready, grouped(int(p.Behind))
		if p.BehindFor > 0 {
			b.BehindFor = lasting(p.BehindFor)
		}
	}
	if s.o.Topics != nil {
		ctx, cancel := context.WithTimeout(ctx, kafkaPatience)
		defer cancel()
		if err := s.askKafka(ctx, &b); err != nil {
			b.Trouble = err.Error()
		}
	}
	return frame{Page: "kafka", Title: "Kafka", Nav: "/kafka", Body: b}, nil
}

func (s *Site) askKafka(ctx context.Context, b *kafkaBody) error {
	admin := kadm.NewClient(s.o.Topics.Client)
	meta, err := admin.Metadata(ctx)
	if err != nil {
		return fmt.Errorf("asking Kafka: %w", err)
	}
	b.Reachable = true
	for _, broker := range meta.Brokers {
		row := brokerRow{ID: broker.NodeID, Address: fmt.Sprintf("%s:%d", broker.Host, broker.Port), Controller: broker.NodeID == meta.Controller}
		if broker.Rack != nil {
			row.Rack = *broker.Rack
		}
		b.Brokers = append(b.Brokers, row)
	}
	listed, err := kafka.NewAdmin(s.o.Topics.Client, s.o.Topics.Names).ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("listing the topics: %w", err)
	}
	for i := range listed {
		b.Topics = append(b.Topics, topicRowOf(&listed[i], meta.Topics[listed[i].Name]))
	}
	slices.SortFunc(b.Topics, func(x, y topicRow) int { return strings.Compare(x.Name, y.Name) })
	return nil
}

func topicRowOf(t *kafka.Topic, d kadm.TopicDetail) topicRow {
	row := topicRow{Name: t.Name, Partitions: int(t.Partitions), Replication: int(t.Replication), Records: grouped(int(t.Offsets))}
	if t.Group != "" {
		row.Lag = grouped(int(t.Waiting))
	}
	for _, p := range d.Partitions.Sorted() {
		if len(p.ISR) < len(p.Replicas) {
			row.Short = append(row.Short, fmt.Sprintf("%d: %d of %d", p.Partition, len(p.ISR), len(p.Replicas)))
		}
		if p.Leader < 0 {
			row.Offline = append(row.Offline, p.Partition)
		}
	}
	return row
}
