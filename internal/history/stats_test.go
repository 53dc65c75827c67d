package history_test

import (
	"cmp"
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestStatsAreTheNaiveOnes holds buckets against a loop over all rows.
func TestStatsAreTheNaiveOnes(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		d := open(t, fresh(t, folder))
		fold(t, d, l.order(t, "log", 20))
		for _, name := range []string{"a", ""} {
			cluster := rapid.SampledFrom([]string{"", "c1"}).Draw(t, "cluster")
			rows := allRuns(t, d, history.RunFilter{Job: name, Cluster: cluster, WithSkips: true})
			from := noon().Add(-time.Duration(rapid.IntRange(1, 5*60*60).Draw(t, "seconds")) * time.Second)
			n := rapid.IntRange(1, 7).Draw(t, "buckets")
			buckets, err := d.Stats(context.Background(), name, cluster, from, noon().Add(time.Second), n)
			require.NoError(t, err)
			require.LessOrEqual(t, len(buckets), n)
			require.False(t, buckets[0].From.After(from))
			require.False(t, buckets[len(buckets)-1].To.Before(noon()))
			for i, got := range buckets {
				if i > 0 {
					require.Equal(t, buckets[i-1].To, got.From)
				}
				sameBucket(t, naiveBucket(rows, got.From, got.To), got, name != "")
			}
		}
	})
}

// naive is a bucket with what its quantiles are of.
type naive struct {
	history.Bucket
	durations []time.Duration
}

func naiveBucket(rows []history.RunRow, from, to time.Time) naive {
	b := naive{Bucket: history.Bucket{From: from, To: to}}
	for _, r := range rows {
		if r.Due.Before(from) || !r.Due.Before(to) {
			continue
		}
		switch r.State {
		case run.StateSucceeded:
			b.Succeeded++
		case run.StateDead, run.StateFailed, run.StateTimedOut, run.StateLost:
			b.Failed++
		case run.StateSkipped:
			n := 1
			if r.Skip != nil {
				n = max(1, r.Skip.Count)
			}
			b.Skipped += n
			continue
		default:
			b.Other++
			continue
		}
		if r.Duration > 0 {
			b.durations = append(b.durations, r.Duration)
		}
	}
	slices.SortFunc(b.durations, cmp.Compare[time.Duration])
	return b
}

func sameBucket(t T, want naive, got history.Bucket, exact bool) {
	require.Equal(t, []int{want.Succeeded, want.Failed, want.Skipped, want.Other}, []int{got.Succeeded, got.Failed, got.Skipped, got.Other})
	if n := len(want.durations); n > 0 && exact {
		median := want.durations[int(math.Ceil(float64(n)/2))-1]
		require.LessOrEqual(t, got.DurationP50, median, "runs of no length may be among them")
		require.LessOrEqual(t, got.DurationP50, got.DurationP95)
		require.LessOrEqual(t, got.DurationP95, want.durations[n-1])
	}
}

// TestQuantilesOfAll says how far those of a cluster may be off.
func TestQuantilesOfAll(t *testing.T) {
	d := open(t, fresh(t, t.TempDir()))
	l := &log{where: map[string]int{}, jobs: []string{"a"}}
	for i := range 100 {
		l.ran(t, "a", noon().Add(time.Duration(i)*time.Second), time.Duration(i+1)*time.Second, "succeeded")
	}
	fold(t, d, l.partitions)
	for _, name := range []string{"a", ""} {
		buckets, err := d.Stats(context.Background(), name, "", noon(), noon().Add(2*time.Hour), 2)
		require.NoError(t, err)
		require.Len(t, buckets, 2)
		for want, got := range map[time.Duration]time.Duration{50 * time.Second: buckets[0].DurationP50, 95 * time.Second: buckets[0].DurationP95} {
			require.GreaterOrEqual(t, got, want)
			require.LessOrEqual(t, got, want+want/10)
			if name != "" {
				require.Equal(t, want, got)
			}
		}
		require.Zero(t, buckets[1].DurationP95)
	}
}

// TestCalendarKnowsTheClock has days of 23, 24 and 25 hours, in which each due
// time is in its hour.
func TestCalendarKnowsTheClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	d := open(t, fresh(t, t.TempDir()))
	l := &log{where: map[string]int{}, jobs: []string{"a"}}
	night := time.Date(2026, 10, 24, 22, 30, 0, 0, time.UTC) // 0:30 of the day of 25 hours
	for i := range 25 {
		l.ran(t, "a", night.Add(time.Duration(i)*time.Hour), time.Second, []run.State{run.StateSucceeded, run.StateFailed}[i%2])
	}
	fold(t, d, l.partitions)
	for _, name := range []string{"a", ""} {
		days, err := d.Calendar(context.Background(), name, "", night.Add(-24*time.Hour), night.Add(26*time.Hour), berlin)
		require.NoError(t, err)
		require.Len(t, days, 3)
		require.Equal(t, []string{"2026-10-24", "2026-10-25", "2026-10-26"}, []string{days[0].Date, days[1].Date, days[2].Date})
		require.Len(t, days[1].Hours, 25)
		for i, hour := range days[1].Hours {
			require.Equal(t, []int{1, i % 2, 0}, []int{hour.Ran, hour.Failed, hour.Skipped}, "hour %d", i)
		}
		for _, hour := range slices.Concat(days[0].Hours, days[2].Hours) {
			require.Zero(t, hour.Ran)
		}
		spring, err := d.Calendar(context.Background(), name, "", time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), time.Date(2026, 3, 29, 12, 0, 0, 0, berlin), berlin)
		require.NoError(t, err)
		require.Len(t, spring[0].Hours, 23)
	}
}
