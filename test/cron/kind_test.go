//go:build linux

package cron

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kind is what the daemon could tell one clock change from another by: from
// when to when, and whether either side is daylight saving time.
type kind struct {
	from, to  string
	dst, then bool
}

// kinds is one change of each kind of the tz database from 2000 to 2037, the
// latest of those up to 2026 if there is one.
func kinds(t *testing.T) []change {
	t.Helper()
	table, err := os.ReadFile("/usr/share/zoneinfo/zone1970.tab")
	require.NoError(t, err, "install tzdata")
	found := map[kind]change{}
	for row := range strings.Lines(string(table)) {
		columns := strings.Fields(row)
		if strings.HasPrefix(row, "#") || len(columns) < 3 {
			continue
		}
		for _, c := range offsets(t, columns[2]) {
			k := c.kind()
			old, ok := found[k]
			if !ok || old.at.Before(c.at) && c.at.Year() <= 2026 {
				found[k] = c
			}
		}
	}
	byTime := func(a, b change) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.zone, b.zone))
	}
	return slices.SortedFunc(maps.Values(found), byTime)
}

// offsets are the changes of one zone's offset by whole minutes.
func offsets(t *testing.T, zone string) []change {
	t.Helper()
	loc := newLocation(t, zone)
	var out []change
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).In(loc)
	for {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Year() > 2037 {
			return out
		}
		c := change{zone: zone, at: end.UTC(), loc: loc}
		_, c.before = end.Add(-time.Second).In(loc).Zone()
		_, c.after = end.In(loc).Zone()
		if c.before != c.after {
			out = append(out, c)
		}
		at = end
	}
}

func (c change) kind() kind {
	const layout = "15:04:05"
	from := c.at.In(time.FixedZone("", c.before))
	return kind{
		from: from.Format(layout), to: fmt.Sprint(c.shift()),
		dst: c.at.Add(-time.Second).In(c.loc).IsDST(), then: c.at.In(c.loc).IsDST(),
	}
}

// randomLines are lines of plain cron around the change, the same in each run.
func (c change) randomLines(n int) []line {
	random := rand.New(rand.NewPCG(uint64(c.at.Unix()), uint64(c.after)))
	wall := c.skipped()
	var out []line
	for range n {
		expr := strings.Join([]string{
			item(random, 0, 59, random.IntN(60)), item(random, 0, 23, (wall.Hour()+random.IntN(3)+23)%24),
			item(random, 1, 31, wall.Day()), "*", item(random, 0, 6, int(wall.Weekday())),
		}, " ")
		out = append(out, line{"random", expr})
	}
	return out
}

// item is a field that often holds near, which lies in lo to hi.
func item(random *rand.Rand, lo, hi, near int) string {
	from, to := lo+random.IntN(near-lo+1), near+random.IntN(hi-near+1)
	step := 1 + random.IntN(min(12, hi-lo))
	switch random.IntN(7) {
	case 0:
		return fmt.Sprintf("*/%d", step)
	case 1:
		return fmt.Sprintf("%d-%d", from, to)
	case 2:
		if to-from >= step {
			return fmt.Sprintf("%d-%d/%d", from, to, step)
		}
		return fmt.Sprintf("%d,%d", from, near)
	case 3:
		return fmt.Sprintf("%d,%d-%d", from, near, to)
	case 4:
		return fmt.Sprint(near)
	}
	return "*"
}

// TestKinds takes the daemon through one clock change of each kind there is,
// with random lines beside those of TestDaemon.
func TestKinds(t *testing.T) {
	opened(t)
	all := kinds(t)
	require.Greater(t, len(all), 50)
	var mu sync.Mutex
	starts, dues := 0, 0
	reasons := map[reason]int{}
	t.Run("changes", func(t *testing.T) {
		for _, c := range all {
			c.lines = append(c.everyKind(), c.randomLines(15)...)
			t.Run(c.zone+" "+c.at.Format(time.DateOnly), func(t *testing.T) {
				t.Parallel()
				daemon, belfry := newBox(t).steps(t, c.zone, c.lines, c.minutes(), false), c.due(t)
				found := c.differences(t, daemon, belfry)
				mu.Lock()
				defer mu.Unlock()
				starts, dues = starts+total(daemon), dues+total(belfry)
				for _, why := range slices.Concat(found...) {
					reasons[why]++
				}
			})
		}
	})
	if !t.Failed() {
		t.Logf("figure: %d starts of cron's daemon at changes of all %d kinds, 2000 to 2037: %d lines differ, all as explained",
			starts, len(all), reasons[once]+reasons[nothingLost])
		publish(t, "kinds", fmt.Sprintf("%d changes of %d lines each: %d starts by cron, %d due times in Belfry. %d lines differ by [A](#%s), %d by [B](#%s), none in another way.\n",
			len(all), len(all[0].everyKind())+15, starts, dues, reasons[once], once.anchor(), reasons[nothingLost], nothingLost.anchor()))
	}
}
