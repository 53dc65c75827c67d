//go:build linux

package cron

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/schedule"
)

// reason is why a start of one side has no equal on the other.
type reason string

const (
	equal       reason = ""
	once        reason = "A" // several fixed times of a line in one gap
	nothingLost reason = "B" // the daemon drops a gap of three hours or more
	unrepeated  reason = "C" // the daemon, catching up late, repeats and makes up
	unexplained reason = "?"
)

// limit is the forward jump that the daemon takes for a clock set by hand.
const limit = 3 * time.Hour

// due is the fires of the change's lines by internal/schedule, in its window:
// from each due time to the next, which must be those that every minute by
// itself is told.
func (c change) due(t *testing.T) fires {
	t.Helper()
	walked, asked := fires{}, fires{}
	from, to := c.window()
	for i, l := range c.lines {
		s := parse(t, l.expr, c.loc)
		for at, ok := s.Next(from); ok && !at.After(to); at, ok = s.Next(at) {
			walked[fire{i, at.Unix()}]++
		}
		for _, minute := range c.minutes() {
			if at, ok := s.Next(minute.Add(-time.Second)); ok && at.Equal(minute) {
				asked[fire{i, at.Unix()}]++
			}
		}
	}
	require.True(t, maps.Equal(walked, asked), "%s: due times from one to the next are not those of each minute by itself", c.name())
	return walked
}

func parse(t *testing.T, expr string, loc *time.Location) *schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(expr, schedule.Options{Location: loc})
	require.NoError(t, err, expr)
	return s
}

// explain tells why the two sides differ, or that nothing here does.
func (c change) explain(t *testing.T, f fire, daemon, belfry int) reason {
	t.Helper()
	shift := c.shift()
	atEnd := f.minute == c.at.Unix()
	switch {
	case daemon == belfry:
		return equal
	case c.slow && belfry <= 1 && f.minute >= c.at.Unix() && f.minute <= c.at.Add(time.Minute).Unix():
		return unrepeated
	case atEnd && shift >= limit && belfry == 1 && daemon == 0:
		return nothingLost
	case atEnd && shift > 0 && shift < limit && belfry == 1 && daemon == c.named(t, f.line):
		return once
	}
	return unexplained
}

// named is how many of a line's times the gap holds, its end included.
func (c change) named(t *testing.T, n int) int {
	t.Helper()
	s := parse(t, c.lines[n].expr, time.UTC)
	first := c.skipped()
	last := first.Add(c.shift())
	count := 0
	for wall, ok := s.Next(first.Add(-time.Second)); ok && !wall.After(last); wall, ok = s.Next(wall) {
		count++
	}
	return count
}

// differences are the reasons by line; unexplained ones fail the test.
func (c change) differences(t *testing.T, daemon, belfry fires) [][]reason {
	t.Helper()
	out := make([][]reason, len(c.lines))
	all := fires{}
	for f := range daemon {
		all[f]++
	}
	for f := range belfry {
		all[f]++
	}
	for f := range all {
		why := c.explain(t, f, daemon[f], belfry[f])
		if why == unexplained {
			t.Errorf("%s, `%s` at %s: started %d times by cron, due %d times in Belfry",
				c.name(), c.lines[f.line].expr, time.Unix(f.minute, 0).In(c.loc).Format(time.RFC3339), daemon[f], belfry[f])
		}
		if why != equal && !slices.Contains(out[f.line], why) {
			out[f.line] = append(out[f.line], why)
		}
	}
	for _, reasons := range out {
		slices.Sort(reasons)
	}
	return out
}
