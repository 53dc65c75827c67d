package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/schedule"
)

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func window(hours int) Window {
	return Window{From: noon(), To: noon().Add(time.Duration(hours) * time.Hour)}
}

func next(t require.TestingT, expression string) Due {
	if expression == "" {
		return Due{}
	}
	s, err := schedule.Parse(expression, schedule.Options{Seconds: strings.Count(expression, " ") == 5})
	require.NoError(t, err)
	return Due{Next: s.Next}
}

func compare(t require.TestingT, before, after string, hours int) (Diff, Result) {
	r := Compare([]Job{{Name: "j", Before: next(t, before), After: next(t, after)}}, window(hours))
	require.Len(t, r.Jobs, 1)
	return r.Jobs[0], r
}

// show writes fires as "13:00>14:00", "+13:00" and "-13:00".
func show(fires []Fire) string {
	var out []string
	for _, f := range fires {
		was, now := f.Was.Format("15:04"), f.Now.Format("15:04")
		switch f.Kind {
		case Moved:
			out = append(out, was+">"+now)
		case Added:
			out = append(out, "+"+now)
		case Removed:
			out = append(out, "-"+was)
		}
	}
	return strings.Join(out, " ")
}

func TestFiresAreAddedRemovedAndMoved(t *testing.T) {
	for _, c := range []struct {
		before, after string
		hours         int
		want          string
		kept          int
	}{
		{"0 * * * *", "0 * * * *", 3, "", 3},
		{"", "0 * * * *", 3, "+12:00 +13:00 +14:00", 0},
		{"0 * * * *", "", 3, "-12:00 -13:00 -14:00", 0},
		{"0 13 * * *", "0 15 * * *", 24, "13:00>15:00", 0},
		{"30 15 * * *", "0 13 * * *", 24, "15:30>13:00", 0},
		{"*/5 * * * *", "*/10 * * * *", 1, "-12:05 -12:15 -12:25 -12:35 -12:45 -12:55", 6},
		{"0 * * * *", "10 * * * *", 3, "12:00>12:10 13:00>13:10 14:00>14:10", 0},
		// The first due time is gone and a last one is new: the rest moved.
		{"0 * * * *", "58 * * * *", 3, "-12:00 13:00>12:58 14:00>13:58 +14:58", 0},
		// Of two as near, the earlier.
		{"0 * * * *", "30 */2 * * *", 4, "12:00>12:30 -13:00 14:00>14:30 -15:00", 0},
		{"0 13,23 * * *", "0 22,23 * * *", 24, "13:00>22:00", 1},
		// Between two pairs, the same again; a move that would cross one is
		// no move.
		{"0 13,17 * * *", "0 14,18 * * *", 24, "13:00>14:00 17:00>18:00", 0},
		{"0 12,20 * * *", "0 19,23 * * *", 12, "-12:00 20:00>19:00 +23:00", 0},
		// The end of the window does not belong to it.
		{"", "0 14 * * *", 2, "", 0},
		{"", "0 14 * * *", 3, "+14:00", 0},
	} {
		d, _ := compare(t, c.before, c.after, c.hours)
		require.Equal(t, c.want, show(d.Fires), "%q, %q", c.before, c.after)
		require.Equal(t, c.kept, d.Kept, "%q, %q", c.before, c.after)
		require.Equal(t, c.want != "", d.Differs())
	}
}

func TestManyFiresAreCounted(t *testing.T) {
	d, r := compare(t, "0 * * * *", "* * * * * *", 24)
	require.True(t, d.Counted)
	require.Equal(t, []int{24, 86400 - 24, 0, 0}, []int{d.Kept, d.Added, d.Removed, d.Moved})
	require.Equal(t, "+12:00 +11:59", show(d.Fires))
	require.Equal(t, 86400, r.After.Total())
	require.Len(t, r.After.PerMinute, 24*60)
	require.Equal(t, slices.Repeat([]int{60}, 96), r.After.Columns(15))
	at, peak := r.Before.Peak()
	require.Equal(t, 1, peak)
	require.Equal(t, noon(), at)
}

func TestSkippedDueTimesDoNotCount(t *testing.T) {
	after := next(t, "0 * * * *")
	after.Skipped = func(at time.Time) bool { return at.Hour() == 13 }
	r := Compare([]Job{{Before: next(t, "0 * * * *"), After: after}}, window(3))
	require.Equal(t, "-13:00", show(r.Jobs[0].Fires))
	require.Equal(t, 2, r.After.Total())
}

func TestSameIsNotCompared(t *testing.T) {
	r := Compare([]Job{{Name: "j", Before: next(t, "0 * * * *"), Same: true}}, window(2))
	require.Equal(t, 2, r.Jobs[0].Kept)
	require.False(t, r.Jobs[0].Differs())
	require.Equal(t, r.Before, r.After)
	require.Equal(t, 2, r.After.Total())
}

// TestMovesKeepTheirOrder: applied to what was, the fires give what is, in
// order; and no move crosses another.
func TestMovesKeepTheirOrder(t *testing.T) {
	times := rapid.SliceOfNDistinct(rapid.Int64Range(0, 60), 0, 12, rapid.ID[int64])
	rapid.Check(t, func(rt *rapid.T) {
		before, after := times.Draw(rt, "before"), times.Draw(rt, "after")
		slices.Sort(before)
		slices.Sort(after)
		from := func(list []int64) Next {
			return func(t time.Time) (time.Time, bool) {
				i, found := slices.BinarySearch(list, t.Unix())
				if found {
					i++
				}
				if i == len(list) {
					return time.Time{}, false
				}
				return time.Unix(list[i], 0), true
			}
		}
		r := Compare([]Job{{Before: Due{Next: from(before)}, After: Due{Next: from(after)}}}, Window{time.Unix(0, 0), time.Unix(61, 0)})
		d := r.Jobs[0]
		got := []int64{}
		gone := map[int64]bool{}
		lastWas, lastNow := int64(-1), int64(-1)
		counts := map[FireKind]int{}
		for _, f := range d.Fires {
			counts[f.Kind]++
			if f.Kind != Added {
				gone[f.Was.Unix()] = true
			}
			if f.Kind != Removed {
				got = append(got, f.Now.Unix())
			}
		}
		moves := slices.DeleteFunc(slices.Clone(d.Fires), func(f Fire) bool { return f.Kind != Moved })
		slices.SortFunc(moves, func(a, b Fire) int { return a.Was.Compare(b.Was) })
		for _, f := range moves {
			require.Greater(rt, f.Was.Unix(), lastWas)
			require.Greater(rt, f.Now.Unix(), lastNow)
			lastWas, lastNow = f.Was.Unix(), f.Now.Unix()
		}
		for _, at := range before {
			if !gone[at] {
				got = append(got, at)
			}
		}
		slices.Sort(got)
		require.Equal(rt, append([]int64{}, after...), got)
		require.Equal(rt, []int{counts[Added], counts[Removed], counts[Moved]}, []int{d.Added, d.Removed, d.Moved})
		require.Equal(rt, len(before), r.Before.Total())
		require.Equal(rt, len(after), r.After.Total())
	})
}
