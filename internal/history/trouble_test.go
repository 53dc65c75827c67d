package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// day is the due time of the first run of these tests.
func day() time.Time { return time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC) }

// runsThat are the records of runs of a job, a minute apart, that end in a
// state, from an offset on.
func runsThat(t testing.TB, name string, n int, state run.State, offset int64) []Record {
	t.Helper()
	var all []Record
	for i := range n {
		due := day().Add(time.Duration(i) * time.Minute)
		e := run.Event{Job: name, Run: run.NewID(name, due, ""), Due: due, Cluster: "c1", Attempt: 1, Fence: 1, Trigger: run.TriggerSchedule, By: "w1"}
		for _, kind := range []run.EventType{run.EventEnqueued, run.EventFinished, run.EventEnded} {
			e.Type, e.At, e.Outcome = kind, due, nil
			switch kind {
			case run.EventFinished:
				e.Outcome = &run.Outcome{State: state, StartedAt: due, EndedAt: due.Add(time.Second)}
			case run.EventEnded:
				if state == run.StateSucceeded {
					continue
				}
				e.State = run.StateDead
			}
			value, err := topic.EncodeEvent(e)
			require.NoError(t, err)
			all = append(all, Record{Topic: "belfry.events", Offset: offset, At: due, Key: []byte(name), Value: value})
			offset++
		}
	}
	return all
}

func opened(t *testing.T, o Options) *DB {
	t.Helper()
	d, err := Open(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func count(t *testing.T, d *DB, table string) int {
	t.Helper()
	var n int
	require.NoError(t, d.file.read.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	return n
}

// TestAFullDiskStopsHistoryOnly fills the file: folding says so, what was
// folded can be asked for, and with room again it goes on.
func TestAFullDiskStopsHistoryOnly(t *testing.T) {
	d := opened(t, Options{Path: filepath.Join(t.TempDir(), "h.db"), maxPages: 60})
	ctx := context.Background()
	records := runsThat(t, "a", 2000, run.StateSucceeded, 0)
	var folded int
	var err error
	for err == nil {
		require.Less(t, folded, len(records), "the file took it all")
		if _, err = d.Fold(ctx, records[folded:folded+20]); err == nil {
			folded += 20
		}
	}
	require.True(t, isFull(err), "%v", err)
	require.Contains(t, d.Trouble(), "there is no room")
	offsets, err := d.Offsets(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(folded), offsets["belfry.events"][0])
	page, err := d.Runs(ctx, RunFilter{})
	require.NoError(t, err)
	require.NotEmpty(t, page.Runs)

	require.NoError(t, d.file.w.exec(ctx, "PRAGMA max_page_count(100000)"))
	got, err := d.Fold(ctx, records)
	require.NoError(t, err)
	require.Equal(t, len(records)-folded, got.Records)
	require.Empty(t, d.Trouble())
	require.Equal(t, 2000, count(t, d, "runs"))
}

// TestADamagedFileIsBuiltAnew writes over the file, in several ways.
func TestADamagedFileIsBuiltAnew(t *testing.T) {
	ctx := context.Background()
	records := runsThat(t, "a", 100, run.StateSucceeded, 0)
	for name, damage := range map[string]func(t *testing.T, path string){
		"no database": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("this is no database, and long enough to be seen as none"), 0o600))
		},
		"its beginning lost": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteAt(make([]byte, 4096), 0)
			require.NoError(t, errors.Join(err, f.Close()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "h [1] 100%?.db")
			d, err := Open(ctx, Options{Path: path})
			require.NoError(t, err)
			_, err = d.Fold(ctx, records)
			require.NoError(t, err)
			require.NoError(t, d.Close())
			for range 2 { // the second time there is one set aside already
				damage(t, path)
				d, err = Open(ctx, Options{Path: path})
				require.NoError(t, err)
				offsets, err := d.Offsets(ctx)
				require.NoError(t, err)
				require.Empty(t, offsets)
				_, err = d.Fold(ctx, records)
				require.NoError(t, err)
				require.Equal(t, 100, count(t, d, "runs"))
				require.NoError(t, d.Close())
				aside, err := filepath.Glob(escaped(path) + ".damaged-*")
				require.NoError(t, err)
				require.Len(t, aside, 1)
			}
		})
	}
}

// TestDamageMetLaterIsBuiltAnew says that a question that meets damage is an
// error, and that the next fold begins anew.
func TestDamageMetLaterIsBuiltAnew(t *testing.T) {
	ctx := context.Background()
	d := opened(t, Options{Path: filepath.Join(t.TempDir(), "h.db")})
	records := runsThat(t, "a", 10, run.StateSucceeded, 0)
	_, err := d.Fold(ctx, records)
	require.NoError(t, err)
	require.NoError(t, d.file.w.exec(ctx, "UPDATE runs SET body = x'07'"))
	_, err = d.Runs(ctx, RunFilter{})
	require.ErrorIs(t, err, errPacked)
	_, err = d.Fold(ctx, records)
	require.ErrorIs(t, err, ErrRebuilt)
	offsets, err := d.Offsets(ctx)
	require.NoError(t, err)
	require.Empty(t, offsets)
	_, err = d.Fold(ctx, records)
	require.NoError(t, err)
	page, err := d.Runs(ctx, RunFilter{})
	require.NoError(t, err)
	require.Len(t, page.Runs, 10)
}

// TestAFileOfALaterReleaseIsSetAside says that nothing is written over it.
func TestAFileOfALaterReleaseIsSetAside(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "h.db")
	d, err := Open(ctx, Options{Path: path})
	require.NoError(t, err)
	require.NoError(t, d.file.w.exec(ctx, "PRAGMA user_version = 99"))
	require.NoError(t, d.Close())
	opened(t, Options{Path: path})
	aside, err := filepath.Glob(path + ".later-*")
	require.NoError(t, err)
	require.Len(t, aside, 1)
}

// TestTwoProcessesDoNotShareAFile says that the second is told.
func TestTwoProcessesDoNotShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	opened(t, Options{Path: path})
	_, err := Open(context.Background(), Options{Path: path})
	require.ErrorContains(t, err, "give each server its own")
}

// prune does all that is to do, and returns in how many steps.
func prune(t *testing.T, d *DB, now time.Time) int {
	t.Helper()
	for steps := 1; ; steps++ {
		more, err := d.Prune(context.Background(), now)
		require.NoError(t, err)
		if !more {
			return steps
		}
	}
}

// TestPrunedByCountAndAge keeps so many runs and skips of each job, and none
// that is too old; what is left answers as before.
func TestPrunedByCountAndAge(t *testing.T) {
	ctx := context.Background()
	d := opened(t, Options{Path: filepath.Join(t.TempDir(), "h.db"), KeepPerJob: 50, KeepFor: 24 * time.Hour})
	records := runsThat(t, "a", 1000, run.StateSucceeded, 0)
	records = append(records, runsThat(t, "b", 70, run.StateFailed, int64(len(records)))...)
	for i := range 60 {
		value, err := topic.EncodeEvent(run.Event{Type: run.EventSkipped, Job: "b", At: day(), Due: day().Add(time.Duration(i) * time.Minute), Through: day().Add(24 * time.Hour), Count: 7, Reason: run.ReasonPaused})
		require.NoError(t, err)
		records = append(records, Record{Topic: "belfry.events", Offset: int64(len(records)), At: day(), Key: []byte("b"), Value: value})
	}
	_, err := d.Fold(ctx, records)
	require.NoError(t, err)
	ids := func(job string) []string {
		var all []string
		page, err := d.Runs(ctx, RunFilter{Job: job, Limit: 500, WithSkips: true})
		require.NoError(t, err)
		for _, r := range page.Runs {
			all = append(all, fmt.Sprint(r.ID, r.Due))
		}
		return all
	}
	newest := ids("a")[:50]
	require.Greater(t, prune(t, d, day()), 5)
	require.Equal(t, newest, ids("a"))
	require.Len(t, ids("b"), 100)
	more, err := d.Prune(ctx, day().Add(time.Second))
	require.NoError(t, err)
	require.False(t, more, "the next round is a minute later")
	row, err := d.file.w.asItStands(ctx, d.file.w.jobs["a"])
	require.NoError(t, err)
	require.EqualValues(t, 50, row.ended)

	prune(t, d, day().Add(24*time.Hour+30*time.Minute))
	require.Len(t, ids("b"), 40+30)
	require.Equal(t, newest, ids("a"))
}

// TestOutputOfTheLastSuccesses says of which runs output is kept, and that
// removing the rest changes no answer.
func TestOutputOfTheLastSuccesses(t *testing.T) {
	ctx := context.Background()
	d := opened(t, Options{Path: filepath.Join(t.TempDir(), "h.db")})
	good, bad := runsThat(t, "good", 30, run.StateSucceeded, 0), runsThat(t, "bad", 30, run.StateFailed, 100)
	_, err := d.Fold(ctx, append(good, bad...))
	require.NoError(t, err)
	page, err := d.Runs(ctx, RunFilter{Limit: 500})
	require.NoError(t, err)
	var output []Record
	for i, r := range page.Runs {
		value, err := topic.EncodeOutput(run.Output{Run: r.ID, Data: []byte("it says hello")})
		require.NoError(t, err)
		output = append(output, Record{Topic: "belfry.output.c1", Offset: int64(i), At: day(), Value: value})
	}
	_, err = d.Fold(ctx, output)
	require.NoError(t, err)
	require.Equal(t, 60, count(t, d, "chunks"))
	said := func() (all []run.ID) {
		page, err := d.Runs(ctx, RunFilter{Text: "HELLO", Limit: 500})
		require.NoError(t, err)
		for _, r := range page.Runs {
			all = append(all, r.ID)
		}
		return all
	}
	before := said()
	require.Len(t, before, 50)
	prune(t, d, day())
	require.Equal(t, 50, count(t, d, "chunks"))
	require.Equal(t, before, said())
}

// TestStripFillsUpAgain takes a run off a full strip: one that was recalled by an
// edit is handed out anew. The run before the strip takes its place.
func TestStripFillsUpAgain(t *testing.T) {
	ctx := context.Background()
	d := opened(t, Options{Path: filepath.Join(t.TempDir(), "h.db")})
	value, err := topic.EncodeJob(topic.Job{AppliedAt: day(), Job: job.Job{Name: "a", Cluster: "c1", Command: []string{"x"}}})
	require.NoError(t, err)
	records := []Record{{Topic: "belfry.jobs", Key: []byte("a"), Value: value}}
	event := func(i int, kind run.EventType, state run.State) {
		due := day().Add(time.Duration(i) * time.Minute)
		value, err := topic.EncodeEvent(run.Event{Type: kind, Job: "a", Run: run.NewID("a", due, ""), Due: due, Attempt: 1, Fence: 1, At: due, State: state})
		require.NoError(t, err)
		records = append(records, Record{Topic: "belfry.events", Offset: int64(len(records)), Key: []byte("a"), Value: value})
	}
	for i := range 35 {
		event(i, run.EventEnqueued, "")
		event(i, run.EventEnded, run.StateCancelled)
	}
	due := func() (all []int) {
		_, err := d.Fold(ctx, records)
		require.NoError(t, err)
		row, err := d.Job(ctx, "a", day())
		require.NoError(t, err)
		for _, r := range row.Strip {
			all = append(all, int(r.Due.Sub(day())/time.Minute))
		}
		return all
	}
	before := due()
	require.Len(t, before, 30)
	require.Equal(t, 5, before[0])
	event(20, run.EventEnqueued, "")
	after := due()
	require.Len(t, after, 30)
	require.Equal(t, 4, after[0])
	require.NotContains(t, after, 20)
}
