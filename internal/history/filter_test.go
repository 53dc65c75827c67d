package history_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestFiltersAreTheNaiveOnes holds the filtered lists against all rows, of which
// a loop takes those that match.
func TestFiltersAreTheNaiveOnes(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		d := open(t, fresh(t, folder))
		fold(t, d, l.order(t, "log", 20))
		all := allRuns(t, d, history.RunFilter{WithSkips: true})
		jobs, err := d.Jobs(context.Background(), history.JobFilter{}, noon())
		require.NoError(t, err)
		for range 8 {
			f := drawFilter(t)
			want := []history.RunRow{}
			for _, row := range all {
				if matches(t, d, jobs.Jobs, f, row) {
					want = append(want, row)
				}
			}
			same(t, want, allRuns(t, d, f))
		}
		naiveJobs(t, d, jobs.Jobs)
	})
}

func drawFilter(t *rapid.T) history.RunFilter {
	maybe := func(label string, of ...string) string {
		return rapid.SampledFrom(append(of, "", "", "")).Draw(t, label)
	}
	f := history.RunFilter{
		Job: maybe("job", "a", "b", "nobody"), Cluster: maybe("cluster", "c1", "c2"), Worker: maybe("worker", "w1"),
		Trigger: run.Trigger(maybe("trigger", "manual", "schedule")), Text: maybe("text", "eRRor", "lo"),
		WithSkips: rapid.Bool().Draw(t, "skips"), Limit: rapid.IntRange(1, 5).Draw(t, "limit"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "states") {
		f.States = append(f.States, run.State(rapid.SampledFrom([]string{"queued", "started", "succeeded", "failed", "dead", "skipped", "odd"}).Draw(t, "state")))
	}
	if team := maybe("team", "x"); team != "" {
		f.Labels = map[string]string{"team": team}
	}
	if rapid.IntRange(0, 4).Draw(t, "exit") == 0 {
		exit := rapid.IntRange(0, 2).Draw(t, "exit code")
		f.ExitCode = &exit
	}
	if rapid.Bool().Draw(t, "from") {
		f.From = dueAt(rapid.IntRange(0, 3).Draw(t, "from at"))
	}
	if rapid.Bool().Draw(t, "to") {
		f.To = dueAt(rapid.IntRange(0, 3).Draw(t, "to at"))
	}
	return f
}

func matches(t T, d *history.DB, jobs []history.JobRow, f history.RunFilter, row history.RunRow) bool {
	if row.Skip != nil && (!f.WithSkips || f.Worker != "" || f.Trigger != "" || f.ExitCode != nil || f.Text != "") {
		return false
	}
	for name, value := range f.Labels {
		if !slices.ContainsFunc(jobs, func(j history.JobRow) bool { return j.Job.Job.Name == row.Job && j.Job.Job.Labels[name] == value }) {
			return false
		}
	}
	if f.Text != "" {
		detail, err := d.Run(context.Background(), string(row.ID))
		require.NoError(t, err)
		var text strings.Builder
		for _, o := range detail.Tail.Chunks {
			text.Write(o.Data)
		}
		if !strings.Contains(strings.ToLower(text.String()), strings.ToLower(f.Text)) {
			return false
		}
	}
	return (f.Job == "" || row.Job == f.Job) && (f.Cluster == "" || row.Cluster == f.Cluster) &&
		(f.Worker == "" || row.Worker == f.Worker) && (f.Trigger == "" || row.Trigger == f.Trigger) &&
		(len(f.States) == 0 || slices.Contains(f.States, row.State)) &&
		(f.ExitCode == nil || row.ExitCode != nil && *row.ExitCode == *f.ExitCode) &&
		(f.From.IsZero() || !row.Due.Before(f.From)) && (f.To.IsZero() || row.Due.Before(f.To))
}

// naiveJobs does the same with the jobs.
func naiveJobs(t *rapid.T, d *history.DB, all []history.JobRow) {
	for _, f := range []history.JobFilter{
		{Text: "NÄME"},
		{Text: "backup"},
		{Cluster: "c1"},
		{Labels: map[string]string{"team": "x"}},
		{Health: history.HealthFailing},
		{Health: history.HealthLate, Limit: 1},
		{Health: history.HealthRunning},
		{Health: history.HealthPaused},
		{Health: history.HealthAside},
		{Health: history.HealthOK, Limit: 1},
	} {
		want := []history.JobRow{}
		for _, j := range all {
			def := j.Job.Job
			text := strings.ToLower(def.Name + "\n" + def.Description + "\n" + strings.Join(def.Command, "\n"))
			healthy := map[history.Health]bool{
				"": true, history.HealthFailing: j.FailuresInRow > 0, history.HealthLate: j.Late, history.HealthRunning: j.Running > 0,
				history.HealthPaused: j.Paused, history.HealthAside: j.Aside != "",
				history.HealthOK: j.FailuresInRow == 0 && !j.Late && !j.Paused && j.Aside == "",
			}
			if strings.Contains(text, strings.ToLower(f.Text)) && (f.Cluster == "" || def.Cluster == f.Cluster) &&
				(f.Labels == nil || def.Labels["team"] == f.Labels["team"]) && healthy[f.Health] {
				want = append(want, j)
			}
		}
		got := []history.JobRow{}
		for {
			page, err := d.Jobs(context.Background(), f, noon())
			require.NoError(t, err)
			require.Equal(t, len(want), page.Total)
			got = append(got, page.Jobs...)
			if page.Next == "" {
				break
			}
			f.After = page.Next
		}
		same(t, want, got)
	}
}

// TestCursorsWalkOnceUnderInserts walks a list page by page while more is
// folded: every row that was there comes once, and none twice.
func TestCursorsWalkOnceUnderInserts(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		d := open(t, fresh(t, folder))
		batches := l.order(t, "log", 10)
		begin := rapid.IntRange(0, len(batches)).Draw(t, "begin")
		fold(t, d, batches[:begin])
		f := history.RunFilter{WithSkips: true, Limit: rapid.IntRange(1, 3).Draw(t, "limit")}
		there := keys(allRuns(t, d, f))
		var walked []string
		for {
			page, err := d.Runs(context.Background(), f)
			require.NoError(t, err)
			walked = append(walked, keys(page.Runs)...)
			if page.Next == "" {
				break
			}
			f.After = page.Next
			if begin < len(batches) {
				fold(t, d, batches[begin:begin+1])
				begin++
			}
		}
		seen, atEnd := counted(walked), counted(keys(allRuns(t, d, history.RunFilter{WithSkips: true})))
		for k, n := range seen {
			require.LessOrEqual(t, n, atEnd[k], "%s came twice", k)
		}
		for k, n := range counted(there) {
			require.GreaterOrEqual(t, seen[k], n, "%s did not come", k)
		}
	})
}

func counted(keys []string) map[string]int {
	all := map[string]int{}
	for _, k := range keys {
		all[k]++
	}
	return all
}

// keys name rows. Skips that say the same have the same.
func keys(rows []history.RunRow) []string {
	all := make([]string, 0, len(rows))
	for _, r := range rows {
		k := string(r.ID)
		if r.Skip != nil {
			k = "skip " + r.Job + r.Due.String() + r.Skip.At.Format(time.RFC3339Nano) + r.Reason
		}
		all = append(all, k)
	}
	return all
}

// TestForeignCursorsAreErrors says that a list begins nowhere else than where a
// page of it ended.
func TestForeignCursorsAreErrors(t *testing.T) {
	d := open(t, fresh(t, t.TempDir()))
	var wrong *history.CursorError
	for _, after := range []string{"!", "AAAA", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"} {
		_, err := d.Runs(context.Background(), history.RunFilter{After: after})
		require.ErrorAs(t, err, &wrong, after)
		_, err = d.Jobs(context.Background(), history.JobFilter{After: after}, noon())
		require.ErrorAs(t, err, &wrong, after)
		_, err = d.DeadLetters(context.Background(), history.DeadFilter{After: after})
		require.ErrorAs(t, err, &wrong, after)
		_, err = d.Audit(context.Background(), history.AuditFilter{After: after})
		require.ErrorAs(t, err, &wrong, after)
	}
}
