package main

import (
	"context"
	"errors"
	"time"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
)

// brokers is how many there are.
const brokers = 3

// kind is a way to take a broker away and give it back.
type kind struct {
	name   string
	strike func(context.Context, *kafkatest.Cluster, int) error
	undo   func(context.Context, *kafkatest.Cluster, int) error
	// brief kinds give the broker back as soon as it is gone.
	brief bool
	// apart kinds need brokers in networks of their own.
	apart bool
	// victims is how many brokers are struck at once.
	victims int
	// member is the kind of member that is killed in the same second.
	member string
	// goal bounds the worst lateness beyond the undisturbed worst; zero for
	// kinds without a goal.
	goal time.Duration
}

func kinds() []kind {
	kill := func(_ context.Context, c *kafkatest.Cluster, i int) error { return c.Kill(i) }
	resume := func(_ context.Context, c *kafkatest.Cluster, i int) error { return c.Resume(i) }
	return []kind{
		{name: "kill", strike: kill, undo: resume, victims: 1, goal: goalBeyond},
		{
			name: "freeze", victims: 1, goal: goalBeyond,
			strike: func(_ context.Context, c *kafkatest.Cluster, i int) error { return c.Freeze(i) },
			undo:   func(_ context.Context, c *kafkatest.Cluster, i int) error { return c.Thaw(i) },
		},
		{
			name: "cut", victims: 1, goal: goalBeyond, apart: true,
			strike: func(ctx context.Context, c *kafkatest.Cluster, i int) error { return c.Cut(ctx, i) },
			undo: func(_ context.Context, c *kafkatest.Cluster, i int) error {
				return c.Join(context.Background(), i) // also when interrupted
			},
		},
		{
			name: "restart", victims: 1, goal: goalBeyond, brief: true, undo: resume,
			strike: func(_ context.Context, c *kafkatest.Cluster, i int) error { return c.Terminate(i) },
		},
		{name: "kill+scheduler", strike: kill, undo: resume, victims: 1, member: "scheduler", goal: goalBeyond},
		{name: "kill+worker", strike: kill, undo: resume, victims: 1, member: "worker", goal: goalWorker},
		{name: "two", strike: kill, undo: resume, victims: 2},
	}
}

const (
	// goalBeyond bounds the worst lateness with a broker gone, beyond the worst of
	// the undisturbed load.
	goalBeyond = 250 * time.Millisecond
	// goalWorker is the same where a worker dies with the broker.
	goalWorker = 6 * time.Second
)

func kindNames() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

func kindOf(name string) (kind, error) {
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, errors.New("no fault is called " + name)
}
