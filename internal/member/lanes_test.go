package member_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// lanes is an installation whose members beat in several lanes. What is written
// to a lane is read at once, unless its reader is cut off from it.
type lanes struct {
	view   member.View
	now    time.Duration
	seq    map[string]int64
	own    []time.Duration
	unread [][]func()
	deaf   map[int]bool
}

func newLanes(n int) *lanes {
	return &lanes{now: time.Second, seq: map[string]int64{}, own: make([]time.Duration, n), unread: make([][]func(), n), deaf: map[int]bool{}}
}

// beat writes the next beat of a member to the given lanes of those it says it
// has. The reader is s1.
func (l *lanes) beat(id string, says int, to ...int) {
	l.seq[id]++
	role := member.RoleWorker
	if id[0] == 's' {
		role = member.RoleScheduler
	}
	b := member.Beat{
		ID: id, Role: role, Incarnation: 1, Seq: l.seq[id], Cluster: "c", Lanes: says,
		At: time.Unix(1_800_000_000, 0).Add(l.now),
	}
	sent := l.now
	for _, lane := range to {
		l.unread[lane] = append(l.unread[lane], func() {
			l.view.Hear(int32(lane), b, l.now)
			if id == "s1" {
				l.own[lane] = sent
			}
		})
		l.read(lane)
	}
}

func (l *lanes) read(lane int) {
	if l.deaf[lane] {
		return
	}
	for _, hear := range l.unread[lane] {
		hear()
	}
	l.unread[lane] = nil
}

// pass lets time pass in the given lanes: both schedulers beat there.
func (l *lanes) pass(d time.Duration, to ...int) {
	for end := l.now + d; l.now < end; l.now += member.SchedulerEvery {
		l.beat("s1", len(l.own), to...)
		l.beat("s2", len(l.own), to...)
	}
}

func (l *lanes) believed(t require.TestingT, id string) member.Member {
	m, ok := l.view.Find(id)
	require.True(t, ok, "%s is not known", id)
	return m.Believed(member.Reader{Now: l.now, Own: l.own})
}

func TestAllLanesCondemnAWorker(t *testing.T) {
	const live, silent, gone = member.StatusLive, member.StatusSilent, member.StatusGone
	all := []int{0, 1, 2}
	for _, tt := range []struct {
		what  string
		write func(l *lanes)
		want  member.Status
	}{
		{"it beats nowhere", func(l *lanes) { l.pass(6*time.Second, all...) }, silent},
		{"for long", func(l *lanes) { l.pass(31*time.Second, all...) }, gone},
		{"two lanes go on without it, one stands still", func(l *lanes) { l.pass(time.Minute, 0, 1) }, live},
		{"and goes on at last", func(l *lanes) {
			l.pass(time.Minute, 0, 1)
			l.pass(6*time.Second, all...)
		}, silent},
		{"one after the other", func(l *lanes) {
			l.pass(6*time.Second, 0)
			l.pass(6*time.Second, 1)
			l.pass(6*time.Second, all...)
		}, silent},
		{"it beats in one of three", func(l *lanes) {
			for range 80 {
				l.pass(member.SchedulerEvery, all...)
				l.beat("w", 3, 1)
			}
		}, live},
		{"back in one", func(l *lanes) {
			l.pass(6*time.Second, all...)
			l.beat("w", 3, 0)
		}, live},
	} {
		t.Run(tt.what, func(t *testing.T) {
			l := newLanes(3)
			l.pass(2*time.Second, all...)
			l.beat("w", 3, all...)
			tt.write(l)
			require.Equal(t, tt.want, status(t, &l.view, "w"), "the log")
			require.Equal(t, tt.want, l.believed(t, "w").Status, "its reader")
		})
	}
}

// A lane that is lost stops no take-over.
func TestMostLanesCondemnAScheduler(t *testing.T) {
	l := newLanes(3)
	l.pass(2*time.Second, 0, 1, 2)
	l.beat("s3", 3, 0, 1, 2)
	l.pass(3*time.Second, 0)
	require.Equal(t, member.StatusLive, l.believed(t, "s3").Status)
	l.pass(3*time.Second, 0, 1)
	require.Equal(t, member.StatusGone, l.believed(t, "s3").Status)
	l.beat("s3", 3, 2)
	require.Equal(t, member.StatusGone, l.believed(t, "s3").Status)
	l.beat("s3", 3, 0)
	require.Equal(t, member.StatusLive, l.believed(t, "s3").Status)
}

// A member that knows of one lane is judged in that alone, by members that
// know of three.
func TestOlderMembersBeatInTheFirstLane(t *testing.T) {
	l := newLanes(3)
	l.beat("w", 0, 0)
	l.pass(time.Minute, 1, 2)
	require.Equal(t, member.StatusLive, status(t, &l.view, "w"))
	require.Equal(t, member.StatusLive, l.believed(t, "w").Status)
	l.pass(6*time.Second, 0)
	require.Equal(t, member.StatusSilent, l.believed(t, "w").Status)
	l.beat("w", 0, 1, 2)
	require.Equal(t, member.StatusSilent, l.believed(t, "w").Status, "a beat where nobody expects it")
	l.beat("w", 0, 0)
	require.Equal(t, member.StatusLive, l.believed(t, "w").Status)
	// And an older scheduler counts in that lane for everybody.
	l.beat("w3", 3, 0, 1, 2)
	for range 12 {
		l.now += member.SchedulerEvery
		l.beat("s0", 0, 0)
	}
	require.Equal(t, member.StatusLive, status(t, &l.view, "w3"), "in one lane of three")
	require.Equal(t, member.StatusSilent, status(t, &l.view, "w"))
}

// Whoever is first heard in one lane is not gone in the others for having been
// missing before.
func TestANewLifeLivesInAllLanes(t *testing.T) {
	l := newLanes(3)
	l.pass(time.Minute, 0, 1, 2)
	for _, id := range []string{"w", "s3"} {
		l.beat(id, 3, 1)
		require.Equal(t, member.StatusLive, status(t, &l.view, id))
		require.Equal(t, member.StatusLive, l.believed(t, id).Status)
	}
	l.pass(6*time.Second, 0, 1, 2)
	require.Equal(t, member.StatusSilent, l.believed(t, "w").Status)
	require.Equal(t, member.StatusGone, l.believed(t, "s3").Status)
}

// Reading of a lane may lag behind. A worker that was missing there long ago, and
// in the others is now, has not been missing everywhere at any moment.
func TestMissingAtOneMoment(t *testing.T) {
	l := newLanes(3)
	l.pass(2*time.Second, 0, 1, 2)
	l.beat("w", 3, 0, 1, 2)
	for range 12 { // cut off from lane 2
		l.pass(member.SchedulerEvery, 0, 1, 2)
		l.beat("w", 3, 0, 1)
	}
	l.deaf[2] = true // from here on the reader is, too
	for range 20 {   // and the worker from the others, but not from lane 2 any more
		l.pass(member.SchedulerEvery, 0, 1, 2)
		l.beat("w", 3, 2)
	}
	require.Equal(t, member.StatusSilent, status(t, &l.view, "w"), "what was read says so")
	require.Equal(t, member.StatusLive, l.believed(t, "w").Status)
	l.deaf[2] = false
	l.read(2)
	require.Equal(t, member.StatusLive, status(t, &l.view, "w"))
	l.pass(6*time.Second, 0, 1, 2)
	require.Equal(t, member.StatusSilent, l.believed(t, "w").Status)
}

// Lanes cannot tell what a worker did after the beats that all of them hold, though
// one holds a later beat.
func TestHowFarTheLanesLagBehind(t *testing.T) {
	l := newLanes(3)
	l.pass(2*time.Second, 0, 1, 2)
	l.beat("w", 3, 0, 1, 2)
	for range 4 {
		l.beat("w", 3, 2)
	}
	l.pass(6*time.Second, 0, 1, 2)
	m := l.believed(t, "w")
	require.Equal(t, member.StatusSilent, m.Status)
	require.EqualValues(t, 5, m.Seq)
	require.EqualValues(t, 4, m.Behind)
}

func TestAReaderKnowsInWhichLanesItIsDeaf(t *testing.T) {
	l := newLanes(3)
	deaf := func() []int { return member.Reader{Now: l.now, Own: l.own}.Deaf(3) }
	require.Equal(t, []int{0, 1, 2}, deaf())
	l.pass(time.Second, 0, 1, 2)
	require.Empty(t, deaf())
	l.pass(10*time.Second, 1, 2)
	require.Equal(t, []int{0}, deaf())
	l.pass(10*time.Second, 0, 2)
	require.Equal(t, []int{1}, deaf())
	require.Empty(t, member.Reader{Now: l.now, Own: l.own[2:]}.Deaf(1))
}

// A life whose name another took may still run for as long as it beats.
func TestAFormerLifeIsKnownWhileItBeats(t *testing.T) {
	l := newLanes(3)
	l.pass(2*time.Second, 0, 1, 2)
	life := func(life, seq int64, to ...int) {
		for _, lane := range to {
			l.view.Hear(int32(lane), member.Beat{ID: "w", Role: member.RoleWorker, Incarnation: life, Seq: seq, Cluster: "c", Lanes: 3}, l.now)
		}
	}
	for seq := range int64(10) {
		life(1, seq+1, 0, 1, 2)
		l.pass(time.Second, 0, 1, 2)
	}
	require.False(t, l.believed(t, "w").Former)
	for seq := range int64(10) {
		life(2, seq+1, 0, 1, 2)
		life(1, seq+11, 1)
		l.pass(time.Second, 0, 1, 2)
		require.True(t, l.believed(t, "w").Former)
	}
	for seq := range int64(6) {
		life(2, seq+11, 0, 1, 2)
		l.pass(time.Second, 0, 1, 2)
	}
	m := l.believed(t, "w")
	require.False(t, m.Former)
	require.Equal(t, member.StatusLive, m.Status)
}

// A life's announcements are known after another has taken its name, whichever lane
// told of them.
func TestWhatAFormerLifeAnnounced(t *testing.T) {
	var v member.View
	beat := func(lane int32, life, seq int64, announced ...run.Row) {
		v.Observe(lane, member.Beat{
			ID: "w", Role: member.RoleWorker, Incarnation: life, Seq: seq, Cluster: "c", Lanes: 3, Claims: run.Claims{Announced: announced},
		})
	}
	announces := func(life, number int64) bool {
		m, _ := v.Find("w")
		return m.Announces(life, number)
	}
	beat(0, 1, 7, run.Row{3, 5})
	require.True(t, announces(1, 4))
	beat(0, 2, 1, run.Row{1, 1})
	require.True(t, announces(1, 4))
	require.False(t, announces(1, 1))
	require.True(t, announces(2, 1))
	require.False(t, announces(2, 4))
	beat(1, 1, 8, run.Row{4, 6})
	require.True(t, announces(1, 6), "another lane had a later beat")
	require.False(t, announces(1, 3), "events have it")
	beat(2, 1, 6, run.Row{1, 9})
	require.False(t, announces(1, 9), "an older beat")
	for life := range int64(20) {
		beat(0, life+3, 1, run.Row{life + 1, life + 1})
	}
	require.False(t, announces(1, 4), "too many lives ago")
	require.True(t, announces(21, 19))
	require.True(t, announces(22, 20))
}

// inLanes is the definition for several lanes: an oracle for each, in which a
// life begins where its first beat anywhere was read.
type inLanes struct {
	of   []oracle
	last map[string]member.Beat
}

func (o *inLanes) observe(lane int, b member.Beat) {
	last, known := o.last[b.ID]
	if lane >= max(b.Lanes, 1) || known && b.Incarnation < last.Incarnation {
		return
	}
	if !known || b.Incarnation > last.Incarnation {
		o.last[b.ID] = b
		for i := range max(b.Lanes, 1) {
			o.of[i].begin(b)
		}
	}
	if b.Seq > o.last[b.ID].Seq {
		o.last[b.ID] = b
	}
	b.Leaving = false // is said of all lanes
	o.of[lane].observe(b)
}

func (o *inLanes) status(id string) member.Status {
	b := o.last[id]
	n := max(b.Lanes, 1)
	says := map[member.Status]int{}
	for i := range n {
		says[o.of[i].status(id)]++
	}
	switch {
	case b.Leaving:
		return member.StatusLeft
	case b.Role == member.RoleScheduler && 2*says[member.StatusGone] > n, says[member.StatusGone] == n:
		return member.StatusGone
	case says[member.StatusLive] == 0:
		return member.StatusSilent
	}
	return member.StatusLive
}

// In whatever order the lanes are read, and wherever one stands still.
func TestLanesSayWhatTheDefinitionSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := inLanes{last: map[string]member.Beat{}}
		for range 3 {
			o.of = append(o.of, newOracle())
		}
		v := &member.View{}
		at, seq := time.Unix(1_800_000_000, 0), int64(0)
		for range rapid.IntRange(0, 300).Draw(t, "beats") {
			id := rapid.SampledFrom([]string{"s1", "s1", "s1", "s2", "s2", "s3", "w1", "w2", "w3"}).Draw(t, "id")
			b := member.Beat{ID: id, Role: member.RoleScheduler, Incarnation: rapid.Int64Range(1, 2).Draw(t, "life"), Lanes: 3}
			if id[0] == 'w' {
				b.Role = member.RoleWorker
			}
			if id == "w3" || id == "s3" { // of an earlier release
				b.Lanes = 0
			}
			b.Leaving = rapid.IntRange(0, 30).Draw(t, "leaving") == 0
			to := rapid.SampledFrom([][]int{{0, 1, 2}, {2, 1, 0}, {0, 1, 2}, {0, 1}, {1, 2}, {2}, {0}}).Draw(t, "to")
			for range rapid.SampledFrom([]int{1, 1, 1, 2, 12, 70}).Draw(t, "times") {
				at = at.Add(time.Duration(rapid.SampledFrom([]int{500, 500, 500, 450, 50, -3000}).Draw(t, "apart")) * time.Millisecond)
				seq++
				b.Seq, b.At = seq, at
				for _, lane := range to {
					o.observe(lane, b)
					v.Observe(int32(lane), b)
					v.Observe(int32(lane), b) // read twice
				}
			}
			for _, m := range v.Members() {
				require.Equal(t, o.status(m.ID), m.Status, fmt.Sprint(m.ID, " after ", seq))
			}
		}
	})
}
