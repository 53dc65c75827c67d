package run_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

func TestReportsComeWhereTheShardTookThem(t *testing.T) {
	log := []run.Logged{
		{Offset: 10, Event: run.Event{Type: run.EventClaimed}},
		{Offset: 11, Event: run.Event{Type: run.EventFinished}},
		{Offset: 12, Event: run.Event{Type: run.EventSkipped, Step: 1, Read: 11}},
		{Offset: 14, Event: run.Event{Type: run.EventEnqueued, Step: 2, Read: 12}},
		{Offset: 15, Event: run.Event{Type: run.EventReturned}},
		{Offset: 16, Event: run.Event{Type: run.EventEnded}}, // of an older release
		{Offset: 17, Event: run.Event{Type: run.EventStarting}},
	}
	var order []run.EventType
	for _, ev := range run.Taken(log) {
		order = append(order, ev.Type)
	}
	require.Equal(t, []run.EventType{
		run.EventClaimed, run.EventSkipped, run.EventFinished, run.EventEnqueued, run.EventReturned, run.EventEnded, run.EventStarting,
	}, order)
}
