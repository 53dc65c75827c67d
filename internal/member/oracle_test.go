package member_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/member"
)

// oracle is the definition of who lives, written down as it reads: each
// member's latest beat, and how many beats of every scheduler came before it.
type oracle struct {
	beats  map[string]member.Beat
	counts map[string]int
	seen   map[string]map[string]int
	last   map[string]time.Time
}

func newOracle() oracle {
	return oracle{map[string]member.Beat{}, map[string]int{}, map[string]map[string]int{}, map[string]time.Time{}}
}

// begin takes that a life was heard of in another lane.
func (o *oracle) begin(b member.Beat) {
	b.Seq, b.Leaving = 0, false
	o.beats[b.ID], o.seen[b.ID] = b, maps.Clone(o.counts)
}

func (o *oracle) observe(b member.Beat) {
	if old, ok := o.beats[b.ID]; ok && (b.Incarnation < old.Incarnation || b.Incarnation == old.Incarnation && b.Seq <= old.Seq) {
		return
	}
	if b.Role == member.RoleScheduler {
		last, known := o.last[b.ID]
		if !known || b.At.Sub(last) >= 400*time.Millisecond {
			o.counts[b.ID]++
		}
		if !known || b.At.Before(last) || b.At.Sub(last) >= 400*time.Millisecond {
			o.last[b.ID] = b.At
		}
	}
	o.beats[b.ID], o.seen[b.ID] = b, maps.Clone(o.counts)
}

func (o *oracle) status(id string) member.Status {
	missed := 0
	for scheduler, n := range o.counts {
		if scheduler != id {
			missed = max(missed, n-o.seen[id][scheduler])
		}
	}
	b := o.beats[id]
	switch {
	case b.Leaving:
		return member.StatusLeft
	case missed >= 60, b.Role == member.RoleScheduler && missed >= 5:
		return member.StatusGone
	case b.Role == member.RoleWorker && missed >= 10:
		return member.StatusSilent
	}
	return member.StatusLive
}

// However the beats are kept, who is declared gone is what the definition
// says, after every beat and for everybody.
func TestViewSaysWhatTheDefinitionSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newOracle()
		v := &member.View{}
		at, seq := time.Unix(1_800_000_000, 0), int64(0)
		for range rapid.IntRange(0, 400).Draw(t, "beats") {
			id := rapid.SampledFrom([]string{"s1", "s1", "s1", "s2", "s2", "s3", "w1", "w2", "w3"}).Draw(t, "id")
			seq++
			b := member.Beat{ID: id, Role: member.RoleScheduler, Incarnation: rapid.Int64Range(1, 2).Draw(t, "life"), Seq: seq, At: at}
			if id[0] == 'w' {
				b.Role = member.RoleWorker
			}
			b.Leaving = rapid.IntRange(0, 30).Draw(t, "leaving") == 0
			for range rapid.SampledFrom([]int{1, 1, 1, 2, 12, 70}).Draw(t, "times") {
				at = at.Add(time.Duration(rapid.SampledFrom([]int{500, 500, 500, 500, 450, 50, -3000}).Draw(t, "apart")) * time.Millisecond)
				seq++
				b.Seq, b.At = seq, at
				o.observe(b)
				v.Observe(0, b)
			}
			require.Len(t, v.Members(), len(o.beats))
			for _, m := range v.Members() {
				require.Equal(t, o.status(m.ID), m.Status, fmt.Sprint(m.ID, " after ", seq))
			}
		}
	})
}
