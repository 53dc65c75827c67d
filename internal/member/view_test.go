package member_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/member"
)

// log is a log of beats under the writer's pen.
type log []member.Beat

// beats appends n beats of a scheduler, numbered on from its last.
func (l *log) beats(id string, n int) {
	l.write(id, member.RoleScheduler, 1, n)
}

func (l *log) write(id string, role member.Role, life int64, n int) {
	seq, at := int64(0), time.Time{}
	for _, b := range *l {
		if b.ID == id && b.Incarnation == life {
			seq = max(seq, b.Seq)
		}
		if b.ID == id {
			at = b.At
		}
	}
	for i := range n {
		at = at.Add(member.SchedulerEvery)
		*l = append(*l, member.Beat{ID: id, Role: role, Incarnation: life, Seq: seq + int64(i) + 1, At: at})
	}
}

func (l *log) read() *member.View {
	v := &member.View{}
	for _, b := range *l {
		v.Observe(0, b)
	}
	return v
}

func status(t require.TestingT, v *member.View, id string) member.Status {
	m, ok := v.Find(id)
	require.True(t, ok, "%s is not known", id)
	return m.Status
}

func TestWhoLives(t *testing.T) {
	tests := []struct {
		name  string
		write func(*log)
		of    string
		want  member.Status
	}{
		{"a scheduler with the beat at hand", func(l *log) { l.beats("s1", 1) }, "s1", member.StatusLive},
		{"its own beats do not count against it", func(l *log) { l.beats("s1", 500) }, "s1", member.StatusLive},
		{"4 beats of another", func(l *log) { l.beats("s1", 1); l.beats("s2", 4) }, "s1", member.StatusLive},
		{"5 beats of another", func(l *log) { l.beats("s1", 1); l.beats("s2", 5) }, "s1", member.StatusGone},
		{"4 beats each of two others", func(l *log) {
			l.beats("s1", 1)
			for range 4 {
				l.beats("s2", 1)
				l.beats("s3", 1)
			}
		}, "s1", member.StatusLive},
		{"only beats since its last count", func(l *log) { l.beats("s2", 50); l.beats("s1", 1); l.beats("s2", 4) }, "s1", member.StatusLive},
		{"back again", func(l *log) { l.beats("s1", 1); l.beats("s2", 9); l.beats("s1", 1) }, "s1", member.StatusLive},
		{"a new life", func(l *log) {
			l.beats("s1", 9)
			l.beats("s2", 9)
			l.write("s1", member.RoleScheduler, 2, 1)
		}, "s1", member.StatusLive},
		{"beats of a life that is over", func(l *log) {
			l.write("s1", member.RoleScheduler, 2, 1)
			l.beats("s2", 9)
			l.write("s1", member.RoleScheduler, 1, 9)
		}, "s1", member.StatusGone},
		{"a beat read twice", func(l *log) {
			l.beats("s1", 1)
			l.beats("s2", 4)
			*l = append(*l, (*l)[len(*l)-1])
		}, "s1", member.StatusLive},
		{"a farewell", func(l *log) {
			*l = append(*l, member.Beat{ID: "s1", Role: member.RoleScheduler, Seq: 1, Leaving: true})
		}, "s1", member.StatusLeft},
		{"a beat overtaken by the farewell", func(l *log) {
			*l = append(*l, member.Beat{ID: "s1", Role: member.RoleScheduler, Seq: 9, Leaving: true})
			l.write("s1", member.RoleScheduler, 0, 0)
			*l = append(*l, member.Beat{ID: "s1", Role: member.RoleScheduler, Seq: 8})
		}, "s1", member.StatusLeft},
		{"a worker, 9 beats", func(l *log) { l.write("w", member.RoleWorker, 1, 1); l.beats("s1", 9) }, "w", member.StatusLive},
		{"a worker, 10 beats", func(l *log) { l.write("w", member.RoleWorker, 1, 1); l.beats("s1", 10) }, "w", member.StatusSilent},
		{"a worker, 59 beats", func(l *log) { l.write("w", member.RoleWorker, 1, 1); l.beats("s1", 59) }, "w", member.StatusSilent},
		{"a worker, 60 beats", func(l *log) { l.write("w", member.RoleWorker, 1, 1); l.beats("s1", 60) }, "w", member.StatusGone},
		{"a worker is not outlived by workers", func(l *log) {
			l.write("w", member.RoleWorker, 1, 1)
			l.write("w2", member.RoleWorker, 1, 500)
		}, "w", member.StatusLive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l log
			tt.write(&l)
			require.Equal(t, tt.want, status(t, l.read(), tt.of))
		})
	}
}

func TestTheDeadAreForgottenAfterAnHour(t *testing.T) {
	var l log
	l.beats("s1", 1)
	l.write("w1", member.RoleWorker, 1, 1)
	l.beats("s2", 7200)
	v := l.read()
	require.Len(t, v.Members(), 3)
	l.beats("s2", 1)
	require.Len(t, l.read().Members(), 1)
}

// A scheduler that comes back after it was forgotten counts for the silence of
// others as any does.
func TestAReturnedSchedulerCounts(t *testing.T) {
	var l log
	l.beats("s1", 5000)
	l.write("w", member.RoleWorker, 1, 1)
	v := l.read()
	next := func(id string, role member.Role, life int64, n int) {
		at := len(l)
		l.write(id, role, life, n)
		for _, b := range l[at:] {
			v.Observe(0, b)
		}
	}
	for i := range 7201 { // w lives on; s1 does not
		next("s2", member.RoleScheduler, 1, 1)
		if i < 7195 {
			next("w", member.RoleWorker, 1, 1)
		}
	}
	_, known := v.Find("s1")
	require.False(t, known)
	next("s1", member.RoleScheduler, 2, 60)
	require.Equal(t, member.StatusGone, status(t, v, "w"))
}

func TestEmptyView(t *testing.T) {
	var v member.View
	require.Empty(t, v.Members())
	_, ok := v.Find("s1")
	require.False(t, ok)
	require.Equal(t, []string{"", "", ""}, v.Owners(3))
}

func TestOnlyLiveSchedulersOwn(t *testing.T) {
	var l log
	l.beats("dead", 1)
	l.write("w", member.RoleWorker, 1, 1)
	l.beats("s1", 5)
	l.beats("s2", 1)
	l = append(l, member.Beat{ID: "left", Role: member.RoleScheduler, Leaving: true})
	owners := l.read().Owners(8)
	for _, owner := range owners {
		require.Contains(t, []string{"s1", "s2"}, owner)
	}
}

// All who read the log alike hold the same view, wherever they stopped on
// the way, and who is alive does not hang on beats long past.
func TestViewIsAFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l log
		for range rapid.IntRange(0, 60).Draw(t, "writes") {
			id := rapid.SampledFrom([]string{"s1", "s2", "s3", "w1", "w2"}).Draw(t, "id")
			role := member.RoleScheduler
			if id[0] == 'w' {
				role = member.RoleWorker
			}
			life := rapid.Int64Range(1, 3).Draw(t, "life")
			l.write(id, role, life, rapid.IntRange(1, 12).Draw(t, "beats"))
			l[len(l)-1].Leaving = rapid.IntRange(0, 9).Draw(t, "leaving") == 0
		}
		whole := l.read()
		stopped := &member.View{}
		latest := map[string]member.Beat{}
		for _, b := range l {
			stopped.Observe(0, b)
			_ = stopped.Members()
			stopped.Observe(0, b) // read again after a pause
			if old, ok := latest[b.ID]; !ok || b.Incarnation > old.Incarnation || b.Incarnation == old.Incarnation && b.Seq > old.Seq {
				latest[b.ID] = b
			}
		}
		require.Equal(t, whole.Members(), stopped.Members())
		require.Equal(t, whole.Owners(8), stopped.Owners(8))
		require.Len(t, whole.Members(), len(latest))
		ids := make([]string, 0, len(latest))
		for _, m := range whole.Members() {
			ids = append(ids, m.ID)
			require.Equal(t, latest[m.ID], m.Beat, "the latest beat of %s", m.ID)
			found, ok := whole.Find(m.ID)
			require.True(t, ok)
			require.Equal(t, m, found)
		}
		require.True(t, slices.Equal(slices.Sorted(maps.Keys(latest)), ids), "all members, by ID: %v", ids)
		if len(l) > 0 {
			last := l[len(l)-1]
			if last.Seq == latest[last.ID].Seq && last.Incarnation == latest[last.ID].Incarnation && !last.Leaving {
				require.Equal(t, member.StatusLive, status(t, whole, last.ID), fmt.Sprint("the last to beat lives: ", last))
			}
		}
	})
}
