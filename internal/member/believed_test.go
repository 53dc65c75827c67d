package member_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
)

// The log says a member is gone; a reader acts on it only if it has itself
// heard nothing for as long.
func TestBelieved(t *testing.T) {
	const (
		live, silent, gone, left = member.StatusLive, member.StatusSilent, member.StatusGone, member.StatusLeft
		worker, scheduler        = member.RoleWorker, member.RoleScheduler
	)
	for _, tt := range []struct {
		what    string
		role    member.Role
		said    member.Status
		heard   time.Duration
		unheard time.Duration
		want    member.Status
	}{
		{"a scheduler heard a second ago", scheduler, gone, 10 * time.Second, time.Second, live},
		{"its fifth beat missed as early as it may be", scheduler, gone, 10 * time.Second, 1750 * time.Millisecond, gone},
		{"a scheduler dead before reading began", scheduler, gone, 0, 100 * time.Millisecond, gone},
		{"a worker silent by a burst", worker, silent, 10 * time.Second, time.Second, live},
		{"silent before a worker has given up what it holds", worker, silent, 10 * time.Second, 4 * time.Second, live},
		{"silent for as long", worker, silent, 10 * time.Second, 4250 * time.Millisecond, silent},
		{"gone by a burst", worker, gone, 10 * time.Second, time.Second, live},
		{"gone by a burst, and silent", worker, gone, 10 * time.Second, 20 * time.Second, silent},
		{"gone for as long", worker, gone, 10 * time.Second, 29250 * time.Millisecond, gone},
		{"a worker gone before reading began, just now", worker, gone, 0, time.Second, live},
		{"and for as long as that", worker, gone, 0, 29250 * time.Millisecond, gone},
		{"whoever left said so", worker, left, 10 * time.Second, 0, left},
		{"whoever lives does", worker, live, 10 * time.Second, time.Hour, live},
	} {
		t.Run(tt.what, func(t *testing.T) {
			m, now := member.Said(tt.role, tt.said, member.InLane{tt.said, tt.heard, 1}), tt.heard+tt.unheard
			require.Equal(t, tt.want, m.Believed(member.Reader{Now: now, Own: []time.Duration{now}}).Status)
		})
	}
}

// In step with the log, the guard changes nothing about when anybody is gone.
func TestBelievedInStepWithTheLog(t *testing.T) {
	i := newInstallation()
	now := time.Duration(0)
	hear := func(id string, role member.Role) {
		i.seq[id]++
		i.view.Hear(0, member.Beat{ID: id, Role: role, Incarnation: 1, Seq: i.seq[id], At: i.now}, now)
	}
	hear("s2", member.RoleScheduler)
	now += time.Second
	hear("w", member.RoleWorker)
	hear("s2", member.RoleScheduler)
	for range 70 {
		hear("s1", member.RoleScheduler)
		for _, id := range []string{"w", "s2"} {
			m, _ := i.view.Find(id)
			require.Equal(t, m, m.Believed(member.Reader{Now: now, Own: []time.Duration{now}}), "%s at %s", id, now)
		}
		now += member.SchedulerEvery
		i.now = i.now.Add(member.SchedulerEvery)
	}
	require.Equal(t, member.StatusGone, status(t, &i.view, "w"))
}

func TestOusted(t *testing.T) {
	var v member.View
	beat := func(life, seq int64, leaving bool) member.Beat {
		return member.Beat{ID: "w", Role: member.RoleWorker, Incarnation: life, Seq: seq, Cluster: "c", Leaving: leaving}
	}
	ousted := func(b member.Beat) (member.Ousted, bool) { v.Observe(0, b); return v.Ousted(b) }

	_, over := ousted(beat(5, 1, false))
	require.False(t, over, "there was nobody before")
	_, over = ousted(beat(5, 2, true))
	require.False(t, over)
	_, over = ousted(beat(6, 1, false))
	require.False(t, over, "the life before said goodbye")
	for seq := range int64(10) {
		o, over := ousted(beat(7, seq+1, false))
		require.True(t, over)
		require.Equal(t, member.Ousted{ID: "w", Cluster: "c", By: 7}, o)
	}
	_, over = ousted(beat(7, 11, false))
	require.False(t, over, "it was told for long enough")
	o, over := ousted(beat(6, 50, false))
	require.True(t, over, "the older life still beats")
	require.Equal(t, member.Ousted{ID: "w", Cluster: "c", By: 7}, o)
	_, over = ousted(beat(6, math.MaxInt64, true))
	require.False(t, over, "it ends")
}

func TestRoomsAreThoseThatRunsReach(t *testing.T) {
	worker := func(status member.Status, runs, retries member.Slots) member.Member {
		return member.Member{Status: status, Beat: member.Beat{Role: member.RoleWorker, Cluster: "c", Runs: runs, Retries: retries}}
	}
	owns := []int32{0}
	require.Equal(t, map[string]member.Room{"c": {Runs: 3, Retries: 2}}, member.Rooms([]member.Member{
		worker(member.StatusLive, member.Slots{Free: 3, Partitions: owns}, member.Slots{Free: 7}),
		worker(member.StatusLive, member.Slots{Free: 5}, member.Slots{Free: 2, Partitions: owns}),
		worker(member.StatusSilent, member.Slots{Free: 9, Partitions: owns}, member.Slots{}),
		{Status: member.StatusLive, Beat: member.Beat{Role: member.RoleScheduler}},
	}))
}
