package member_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
)

// installation is a log of beats as schedulers and workers write it, in
// virtual time.
type installation struct {
	view member.View
	now  time.Time
	seq  map[string]int64
	step int
}

func newInstallation() *installation {
	return &installation{now: time.Unix(1_800_000_000, 0), seq: map[string]int64{}}
}

func (i *installation) beat(id string, role member.Role, leaving bool) {
	i.seq[id]++
	i.view.Observe(0, member.Beat{
		ID: id, Role: role, Incarnation: 1, Seq: i.seq[id], At: i.now, Cluster: "c", Leaving: leaving,
	})
}

// run lets time pass: two schedulers beat, and the workers named.
func (i *installation) run(d time.Duration, workers ...string) {
	for end := i.now.Add(d); i.now.Before(end); i.now = i.now.Add(member.SchedulerEvery) {
		i.beat("s1", member.RoleScheduler, false)
		i.beat("s2", member.RoleScheduler, false)
		if i.step++; i.step%2 == 0 {
			for _, w := range workers {
				i.beat(w, member.RoleWorker, false)
			}
		}
	}
}

// Pods come and go under ever new names, with and without a farewell, for
// days. The view is as small afterwards as before, and nobody alive was ever
// declared gone.
func TestTenThousandNamesComeAndGo(t *testing.T) {
	i := newInstallation()
	stay := []string{"w-stays-1", "w-stays-2"}
	i.run(10*time.Second, stay...)
	before, _, _ := i.view.Size()
	require.Equal(t, 4, before)
	most := 0
	for pod := range 10_000 {
		id := fmt.Sprint("pod-", pod)
		i.run(20*time.Second, append(stay, id)...)
		if pod%2 == 0 {
			i.beat(id, member.RoleWorker, true)
		}
		names, marks, pulses := i.view.Size()
		most = max(most, names)
		require.LessOrEqual(t, marks, 2*names+member.Slack)
		require.Equal(t, 2, pulses)
		for _, w := range stay {
			require.Equal(t, member.StatusLive, status(t, &i.view, w))
		}
	}
	require.LessOrEqual(t, most, 4+3600/20+3, "the dead of an hour")
	require.Zero(t, i.view.Dropped(), "none before its time")
	i.run(time.Hour+time.Minute, stay...)
	after, marks, _ := i.view.Size()
	require.Equal(t, before, after)
	require.LessOrEqual(t, marks, 2*after+member.Slack)
}

// A thousand dead are kept for people; of more, the first to have died go.
func TestOfTooManyDeadTheFirstGo(t *testing.T) {
	i := newInstallation()
	i.run(10*time.Second, "stays")
	for n := range member.DeadMost + 500 {
		i.beat(fmt.Sprint("w", n), member.RoleWorker, n%2 == 0)
	}
	i.run(time.Minute, "stays")
	names, _, _ := i.view.Size()
	require.Equal(t, member.DeadMost+3, names)
	require.EqualValues(t, 500, i.view.Dropped())
	_, known := i.view.Find("w0")
	require.False(t, known)
	require.Equal(t, member.StatusGone, status(t, &i.view, fmt.Sprint("w", member.DeadMost+499)))
	require.Equal(t, member.StatusLive, status(t, &i.view, "stays"))
}

// Without a scheduler nothing passes, and nothing grows either.
func TestNamesAreBoundedWithoutASchedulerToo(t *testing.T) {
	i := newInstallation()
	for n := range 3 * member.NamesMost {
		i.beat(fmt.Sprint("w", n), member.RoleWorker, false)
		i.beat("one", member.RoleWorker, false)
	}
	names, marks, pulses := i.view.Size()
	require.Equal(t, member.NamesMost, names)
	require.LessOrEqual(t, marks, 2*names+member.Slack)
	require.Zero(t, pulses)
	require.Equal(t, member.StatusLive, status(t, &i.view, "one"))
	require.Positive(t, i.view.Dropped())
}

// A dead worker at the front of the queue does not make it grow for as long as
// no scheduler says that it is gone.
func TestMarksAreBoundedWithoutAScheduler(t *testing.T) {
	i := newInstallation()
	i.beat("dead", member.RoleWorker, false)
	for range 100_000 {
		i.beat("w", member.RoleWorker, false)
	}
	names, marks, _ := i.view.Size()
	require.Equal(t, 2, names)
	require.LessOrEqual(t, marks, 2*names+member.Slack)
}

func TestSchedulersAreBounded(t *testing.T) {
	i := newInstallation()
	i.run(10*time.Second, "w")
	for n := range 10 * member.SchedulersMost {
		i.beat(fmt.Sprint("forged", n), member.RoleScheduler, false)
	}
	_, _, pulses := i.view.Size()
	require.Equal(t, member.SchedulersMost, pulses)
	i.run(time.Minute, "w")
	_, _, pulses = i.view.Size()
	require.Equal(t, 2, pulses)
	require.Len(t, i.view.Schedulers(), 2)
	i.run(time.Minute)
	require.Equal(t, member.StatusGone, status(t, &i.view, "w"))
}

// A burst is not time: beats written at one moment declare nobody gone,
// however many they are.
func TestABurstIsNotTime(t *testing.T) {
	i := newInstallation()
	i.run(10*time.Second, "w")
	for range 600 {
		i.now = i.now.Add(time.Millisecond)
		i.beat("s2", member.RoleScheduler, false)
	}
	require.Equal(t, member.StatusLive, status(t, &i.view, "w"))
	require.Equal(t, member.StatusLive, status(t, &i.view, "s1"))
	i.run(5*time.Second, "w")
	require.Equal(t, member.StatusLive, status(t, &i.view, "w"))
	i.run(31 * time.Second)
	require.Equal(t, member.StatusGone, status(t, &i.view, "w"), "time is")
}

// A scheduler whose clock is set back, or back and forth, still counts.
func TestAClockSetBackCounts(t *testing.T) {
	i := newInstallation()
	i.beat("w", member.RoleWorker, false)
	for n := range 130 {
		i.now = i.now.Add(member.SchedulerEvery)
		if n%13 == 0 {
			i.now = i.now.Add(-time.Hour)
		}
		i.beat("s1", member.RoleScheduler, false)
	}
	require.Equal(t, member.StatusGone, status(t, &i.view, "w"))
}

func BenchmarkBeat(b *testing.B) {
	for _, names := range []int{30, 3000} {
		b.Run(fmt.Sprint(names, " names over time"), func(b *testing.B) {
			i := newInstallation()
			ids := make([]string, names)
			for n := range ids {
				ids[n] = fmt.Sprint("w", n)
				i.beat(ids[n], member.RoleWorker, false)
				if n%3 > 0 { // two of three are gone, as is every tenth scheduler
					i.beat(ids[n], member.RoleWorker, true)
				}
				if n%10 == 0 {
					i.beat(fmt.Sprint("s-old", n), member.RoleScheduler, true)
				}
				i.now = i.now.Add(100 * time.Millisecond)
				i.run(member.SchedulerEvery)
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%100 == 0 {
					i.now = i.now.Add(member.SchedulerEvery)
					i.beat("s1", member.RoleScheduler, false)
				}
				i.beat(ids[n%len(ids)], member.RoleWorker, false)
			}
		})
	}
}
