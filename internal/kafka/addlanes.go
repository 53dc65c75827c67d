package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/topic"
)

// addLanes gives members as many lanes as a new installation has, each on brokers
// of its own: the first lane moves, too.
func (a *Admin) addLanes(ctx context.Context, n int32) error {
	details, err := a.adm.ListBrokers(ctx)
	if err != nil {
		return fmt.Errorf("listing brokers: %w", err)
	}
	name := a.names.Members()
	switch lanes := topic.Lanes(len(details)); {
	case lanes == 1:
		return fmt.Errorf("topic %s cannot have more lanes than one: that takes three brokers, and %d answer", name, len(details))
	case n != lanes:
		return fmt.Errorf("topic %s can have %d lanes on %d brokers, not %d", name, lanes, len(details), n)
	}
	replicas := topic.LaneReplicas(brokersOf(details), int(n), laneCopies)
	if err := a.grow(ctx, name, replicas); err != nil {
		return fmt.Errorf("adding lanes to topic %s: %w", name, err)
	}
	if err := a.moveLanes(ctx, name, replicas); err != nil {
		return fmt.Errorf("moving the lanes of topic %s: %w", name, err)
	}
	least := "1"
	altered, err := a.adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "min.insync.replicas", Value: &least}}, name)
	if err == nil {
		for _, topic := range altered {
			err = errors.Join(err, topic.Err)
		}
	}
	if err != nil {
		return fmt.Errorf("setting min.insync.replicas of topic %s to 1: %w", name, err)
	}
	return a.awaitLeaders(ctx, map[string]int{name: int(n)})
}

// laneCopies is how many brokers hold a lane.
const laneCopies = 2

// grow makes the partitions that are missing, where they belong.
func (a *Admin) grow(ctx context.Context, name string, replicas [][]int32) error {
	details, err := a.topics(ctx, name)
	if err != nil {
		return err
	}
	has := len(details[name].Partitions)
	switch {
	case has == 0:
		return ErrNoTopics
	case has > len(replicas):
		return fmt.Errorf("it has %d partitions already; Kafka can only add some", has)
	case has == len(replicas):
		return nil
	}
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = int32(createLimit.Milliseconds())
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = name, int32(len(replicas))
	for _, brokers := range replicas[has:] {
		of := kmsg.NewCreatePartitionsRequestTopicAssignment()
		of.Replicas = brokers
		t.Assignment = append(t.Assignment, of)
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, a.cl)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("%w%s", err, detail(t.ErrorMessage))
		}
	}
	return nil
}

// moveLanes puts the partitions there are where they belong.
func (a *Admin) moveLanes(ctx context.Context, name string, replicas [][]int32) error {
	var req kadm.AlterPartitionAssignmentsReq
	for lane, brokers := range replicas {
		req.Assign(name, int32(lane), brokers)
	}
	resp, err := a.adm.AlterPartitionAssignments(ctx, req)
	if err != nil {
		return err
	}
	return resp.Error()
}
