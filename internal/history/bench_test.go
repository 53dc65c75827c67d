package history

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// busy makes up the events of so many jobs, which are all due every minute: four
// events a run, those of runs that go on at the same time mixed.
type busy struct {
	codec  topic.Codec
	jobs   int
	minute int
	offset int64
	ready  []Record
}

// next returns the next n records.
func (g *busy) next(b *testing.B, n int) []Record {
	b.Helper()
	for len(g.ready) < n {
		due := day().Add(time.Duration(g.minute) * time.Minute)
		g.minute++
		for _, kind := range []run.EventType{run.EventEnqueued, run.EventClaimed, run.EventStarting, run.EventFinished} {
			for i := range g.jobs {
				g.ready = append(g.ready, g.record(b, fmt.Sprintf("job-%05d", i), due, kind))
			}
		}
	}
	out := g.ready[:n:n]
	g.ready = g.ready[n:]
	return out
}

func (g *busy) record(b *testing.B, name string, due time.Time, kind run.EventType) Record {
	b.Helper()
	e := run.Event{
		Type: kind, Job: name, Run: run.NewID(name, due, ""), Due: due, Cluster: "cluster-a", Attempt: 1, Fence: int64(g.minute), At: due.Add(4 * time.Millisecond),
		By: "worker-1", Trigger: run.TriggerSchedule, Incarnation: 1795229940000000000,
	}
	switch kind {
	case run.EventEnqueued:
		e.By, e.Step, e.Read, e.NotBefore, e.Incarnation = "scheduler-1", g.offset, g.offset, due, 0
	case run.EventClaimed:
		e.Beat = 77
	case run.EventFinished:
		e.Outcome = &run.Outcome{State: run.StateSucceeded, StartedAt: due.Add(5 * time.Millisecond), EndedAt: due.Add(1340 * time.Millisecond), CPUTime: 800 * time.Millisecond, PeakMemoryBytes: 12 << 20, OutputBytes: 51, Tail: "done: 41 rows written\n"}
	}
	value, err := g.codec.EncodeEvent(e)
	require.NoError(b, err)
	g.offset++
	return Record{Topic: "belfry.events", Offset: g.offset, At: e.At, Key: []byte(name), Value: value}
}

// BenchmarkFold folds events into a file, in batches of 5,000, of 1,000 jobs.
// "cpu-ns/op" is the processor's time for an event, of all threads: on a machine
// that others use it says more than ns/op.
func BenchmarkFold(b *testing.B) {
	const batch = 5000
	d, err := Open(context.Background(), Options{Path: filepath.Join(b.TempDir(), "h.db"), KeepFor: 1 << 60})
	require.NoError(b, err)
	defer func() { require.NoError(b, d.Close()) }()
	g := &busy{codec: topic.NewCodec(), jobs: 1000}
	b.ReportAllocs()
	var spent time.Duration
	for done := 0; done < b.N; done += batch {
		b.StopTimer()
		records := g.next(b, min(batch, b.N-done))
		before := processor(b)
		b.StartTimer()
		_, err := d.Fold(context.Background(), records)
		require.NoError(b, err)
		spent += processor(b) - before
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkText looks for a text that nobody wrote in a page of 500 runs, of
// which each wrote 4 KiB.
func BenchmarkText(b *testing.B) {
	ctx := context.Background()
	d, err := Open(ctx, Options{Path: filepath.Join(b.TempDir(), "h.db"), KeepFor: 1 << 60})
	require.NoError(b, err)
	defer func() { require.NoError(b, d.Close()) }()
	_, err = d.Fold(ctx, runsThat(b, "a", 2000, run.StateFailed, 0))
	require.NoError(b, err)
	var output []Record
	for i := range 2000 {
		value, err := topic.EncodeOutput(run.Output{Run: run.NewID("a", day().Add(time.Duration(i)*time.Minute), ""), Data: []byte(strings.Repeat("make: *** [report] Error 2\n", 152))})
		require.NoError(b, err)
		output = append(output, Record{Topic: "belfry.output.c1", Offset: int64(i), At: day(), Value: value})
	}
	_, err = d.Fold(ctx, output)
	require.NoError(b, err)
	before := processor(b)
	for b.Loop() {
		page, err := d.Runs(ctx, RunFilter{Text: "refused"})
		require.NoError(b, err)
		require.NotEmpty(b, page.Next)
	}
	b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N)/1000, "cpu-ms/op")
}

// processor is the time that this process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// questions is the file that BenchmarkQuestions asks: kept between calls, since
// it takes long to make, if BELFRY_BENCH_HISTORY names a folder. It has 1,000
// jobs.
func questions(b *testing.B) *DB {
	b.Helper()
	runs := 200_000
	if s := os.Getenv("BELFRY_BENCH_RUNS"); s != "" {
		_, err := fmt.Sscan(s, &runs)
		require.NoError(b, err)
	}
	folder := os.Getenv("BELFRY_BENCH_HISTORY")
	if folder == "" {
		folder = b.TempDir()
	}
	path := filepath.Join(folder, fmt.Sprintf("runs-%d.db", runs))
	_, err := os.Stat(path)
	d, opening := Open(context.Background(), Options{Path: path, KeepFor: 1 << 60})
	require.NoError(b, opening)
	b.Cleanup(func() { require.NoError(b, d.Close()) })
	if err != nil {
		const jobs = 1000
		base := min(runs, 1_000_000)
		fill(b, d, base, jobs)
		multiply(b, d, runs/base, time.Duration(base/jobs)*time.Minute)
	}
	return d
}

// fill writes runs without folding events: their rows in the order of the log,
// then how the jobs stand. One in 50 fails.
func fill(b *testing.B, d *DB, runs, jobs int) {
	b.Helper()
	ctx := context.Background()
	var records []Record
	for i := range jobs {
		name := jobName(i)
		value, err := topic.EncodeJob(topic.Job{AppliedAt: day(), Job: job.Job{Name: name, Schedule: "* * * * *", Timezone: "UTC", Cluster: fmt.Sprint("cluster-", i%5), Command: []string{"/usr/bin/report", name}, Labels: map[string]string{"team": fmt.Sprint("team-", i%20)}}.WithDefaults()})
		require.NoError(b, err)
		records = append(records, Record{Topic: "belfry.jobs", Offset: int64(i), Key: []byte(name), Value: value})
	}
	_, err := d.Fold(ctx, records)
	require.NoError(b, err)
	w := d.file.w
	for from := 0; from < runs; from += 50_000 {
		require.NoError(b, w.within(ctx, func(ctx context.Context) error {
			counts := newCounts()
			for i := from; i < min(runs, from+50_000); i++ {
				if err := d.write(ctx, counts, i, jobs); err != nil {
					return err
				}
			}
			if err := w.writeStands(ctx); err != nil {
				return err
			}
			return (&batch{d: d, w: w, counts: counts}).writeCounts(ctx)
		}))
	}
}

// multiply adds the rows that there are again, so many times in all, each time
// behind those before, with the indexes made anew behind them.
func multiply(b *testing.B, d *DB, times int, span time.Duration) {
	b.Helper()
	if times < 2 {
		return
	}
	ctx, w := context.Background(), d.file.w
	var indexes, names []string
	require.NoError(b, w.each(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'runs'", nil, func(scan func(...any) error) error {
		var name, text string
		err := scan(&name, &text)
		names, indexes = append(names, name), append(indexes, text)
		return err
	}))
	for _, name := range names {
		require.NoError(b, w.exec(ctx, "DROP INDEX "+name))
	}
	var last int64
	_, err := w.first(ctx, "SELECT max(id) FROM runs", nil, &last)
	require.NoError(b, err)
	for i := 1; i < times; i++ {
		behind := span * time.Duration(i)
		require.NoError(b, w.exec(ctx, `INSERT INTO runs (run, job, due, state, begun, duration, lateness, ended, cluster, worker, trigger, exit, body)
			SELECT randomblob(16), job, due + ?, state, begun, duration, lateness, ended + ?, cluster, worker, trigger, exit, body FROM runs WHERE id <= ? ORDER BY id`,
			behind.Microseconds(), behind.Microseconds(), last))
		require.NoError(b, w.exec(ctx, `INSERT INTO minutes SELECT cluster, minute + ?, succeeded, failed, skipped, other FROM minutes WHERE minute < ?`,
			int64(behind/time.Minute), floor(micros(day().Add(span)), time.Minute)))
	}
	for _, text := range indexes {
		require.NoError(b, w.exec(ctx, text))
	}
}

func jobName(i int) string { return fmt.Sprintf("job-%05d", i) }

// write writes the row of a run, as a fold of its events would.
func (d *DB) write(ctx context.Context, counts *counts, i, jobs int) error {
	name := jobName(i % jobs)
	due := day().Add(time.Duration(i/jobs) * time.Minute)
	state, exit := run.StateSucceeded, 0
	if i%50 == 49 {
		state, exit = run.StateFailed, 2
	}
	r := ledger.Run{
		ID: run.NewID(name, due, ""), Job: name, Cluster: fmt.Sprint("cluster-", i%jobs%5), Due: due, Trigger: run.TriggerSchedule, State: state,
		EnqueuedAt: due.Add(-5 * time.Second), EndedAt: due.Add(2 * time.Second), NotBefore: due, Fence: int64(i),
		Attempts: []ledger.Attempt{{
			Number: 1, Fence: int64(i), State: state, Worker: fmt.Sprint("worker-", i%37), EnqueuedAt: due.Add(-5 * time.Second), NotBefore: due, ClaimedAt: due.Add(-4 * time.Second),
			StartedAt: due.Add(3 * time.Millisecond),
			Outcome:   &run.Outcome{State: state, ExitCode: exit, StartedAt: due.Add(3 * time.Millisecond), EndedAt: due.Add(time.Duration(i%977) * 7 * time.Millisecond).Add(3 * time.Millisecond), OutputBytes: 41},
		}},
	}
	if state != run.StateSucceeded {
		r.State, r.Reason = run.StateDead, run.ReasonAttemptsUsed
	}
	f := &jobFold{batch: &batch{d: d, w: d.file.w}}
	var err error
	if f.job, err = f.w.jobID(ctx, name); err != nil {
		return err
	}
	c := columnsOf(&r)
	if err := f.storeRow(ctx, &touched{}, &c, d.packer.pack(&r)); err != nil {
		return err
	}
	s, err := f.w.stand(ctx, f.job)
	if err != nil {
		return err
	}
	s.change(nil, &c)
	counts.run(&c, 1)
	return nil
}

// BenchmarkQuestions asks what the pages ask, of BELFRY_BENCH_RUNS runs
// (200,000). "p95-ms" is of the calls that were made, at different jobs and times.
func BenchmarkQuestions(b *testing.B) {
	d := questions(b)
	ctx := context.Background()
	now, jobs := latestOf(b, d)
	exit := 2
	at := func(i int) time.Time { return now.Add(-time.Duration(i*7919%6000) * time.Minute) }
	for _, q := range []struct {
		name string
		ask  func(i int) error
	}{
		{"jobs with strips", func(i int) error {
			_, err := d.Jobs(ctx, JobFilter{After: cursor(jobName(i * 61 % jobs))}, now)
			return err
		}},
		{"failing jobs", func(int) error { _, err := d.Jobs(ctx, JobFilter{Health: HealthFailing}, now); return err }},
		{"jobs by text", func(i int) error { _, err := d.Jobs(ctx, JobFilter{Text: fmt.Sprint(i % 1000)}, now); return err }},
		{"a job", func(i int) error {
			name := jobName(i * 61 % jobs)
			if _, err := d.Job(ctx, name, now); err != nil {
				return err
			}
			if _, err := d.Runs(ctx, RunFilter{Job: name, WithSkips: true}); err != nil {
				return err
			}
			_, err := d.Stats(ctx, name, "", now.Add(-30*24*time.Hour), now, 60)
			return err
		}},
		{"a run", func(i int) error {
			_, err := d.Run(ctx, string(run.NewID(jobName(i*61%jobs), day().Add(time.Duration(i*13%200)*time.Minute), "")))
			return err
		}},
		{"runs", func(i int) error { _, err := d.Runs(ctx, RunFilter{To: at(i)}); return err }},
		{"runs that failed", func(i int) error {
			_, err := d.Runs(ctx, RunFilter{States: []run.State{run.StateDead}, To: at(i)})
			return err
		}},
		{"failed runs of a job", func(i int) error {
			_, err := d.Runs(ctx, RunFilter{Job: jobName(i * 61 % jobs), States: []run.State{run.StateDead}})
			return err
		}},
		{"runs by cluster and worker", func(i int) error {
			_, err := d.Runs(ctx, RunFilter{Cluster: "cluster-1", Worker: fmt.Sprint("worker-", i%37), To: at(i)})
			return err
		}},
		{"runs by label and exit code", func(i int) error {
			_, err := d.Runs(ctx, RunFilter{Labels: map[string]string{"team": fmt.Sprint("team-", i%20)}, ExitCode: &exit, To: at(i)})
			return err
		}},
		{"runs of no worker there is", func(i int) error { _, err := d.Runs(ctx, RunFilter{Worker: "nobody", To: at(i)}); return err }},
		{"overview", func(int) error { _, err := d.Overview(ctx, now); return err }},
		{"stats of all, 30 days", func(int) error { _, err := d.Stats(ctx, "", "", now.Add(-30*24*time.Hour), now, 60); return err }},
		{"calendar of all, 30 days", func(int) error {
			_, err := d.Calendar(ctx, "", "", now.Add(-30*24*time.Hour), now, time.UTC)
			return err
		}},
	} {
		b.Run(strings.ReplaceAll(q.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			var all []time.Duration
			before := processor(b)
			for i := range b.N {
				begun := time.Now()
				require.NoError(b, q.ask(i))
				all = append(all, time.Since(begun))
			}
			b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N)/1000, "cpu-ms/op")
			b.ReportMetric(float64(quantile(all, 0.95).Microseconds())/1000, "p95-ms")
		})
	}
}

// latestOf returns the latest due time, and how many jobs there are.
func latestOf(b *testing.B, d *DB) (time.Time, int) {
	b.Helper()
	var due int64
	var jobs int
	require.NoError(b, d.file.read.QueryRow("SELECT max(due), (SELECT count(*) FROM jobs) FROM runs").Scan(&due, &jobs))
	return instant(due), jobs
}
