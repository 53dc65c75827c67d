package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
)

// led is a partition with replicas 1 to 3, led by one of them.
func led(leader int32, isr ...int32) []kadm.PartitionDetail {
	return []kadm.PartitionDetail{{Leader: leader, Replicas: []int32{1, 2, 3}, ISR: isr}}
}

func TestWhatKafkasStateMeans(t *testing.T) {
	gone := []int32{1}
	for name, c := range map[string]struct {
		all                     []kadm.PartitionDetail
		whole, without, serving bool
	}{
		"nobody answered":                     {nil, false, false, false},
		"all is well":                         {led(1, 1, 2, 3), true, false, true},
		"a dead follower is still waited for": {led(2, 1, 2, 3), true, false, true},
		"it goes on without it":               {led(2, 2, 3), false, true, true},
		"too few are left":                    {led(2, 2), false, true, false},
		"nobody leads":                        {led(-1, 2, 3), false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.whole, whole(c.all), "whole")
			require.Equal(t, c.without, without(c.all, gone), "without")
			require.Equal(t, c.serving, serving(c.all), "serving")
		})
	}
}

func TestAPartitionThatWaitsForTheDeadIsNotServed(t *testing.T) {
	w := &watch{gone: []int32{1}}
	w.note(led(2, 1, 2, 3))
	require.Zero(t, w.serving)
	w.note(led(2, 2, 3))
	require.NotZero(t, w.without)
	require.NotZero(t, w.serving)
	w.back()
	w.note(led(2, 2))
	require.Zero(t, w.serving)
	w.note(led(2, 2, 3))
	require.NotZero(t, w.serving)
}

func TestAWaitCountsInTheWindowInWhichItEnds(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	l := &lane{acks: []ack{{sent: at, took: time.Second}, {sent: at.Add(9 * time.Second), took: 8 * time.Second}}}
	calm, fault := window{at, at.Add(10 * time.Second)}, window{at.Add(10 * time.Second), at.Add(30 * time.Second)}
	require.Equal(t, time.Second, l.worst(calm), "the record in flight at the strike was held up by it")
	require.Equal(t, 8*time.Second, l.worst(fault))
	l.open = at.Add(20 * time.Second)
	require.Equal(t, 10*time.Second, l.worst(fault))
}
