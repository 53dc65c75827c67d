package web

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

func queryEscape(text string) string { return url.QueryEscape(text) }

// script is a name and an output that would like to be markup.
const script = `<script>alert(1)</script>`

// village is a town of some dozen jobs with a past, with everything that pages
// show: failing, late, paused, running and hostile ones.
func village(t testing.TB, now time.Time) *town {
	t.Helper()
	w := unfolded(t, now)
	w.fold()
	return w
}

// unfolded is a village whose records nobody has read yet.
func unfolded(t testing.TB, now time.Time) *town {
	t.Helper()
	w := newTown(t, now)
	w.alive()
	chance := rand.New(rand.NewPCG(7, 7))
	for i, name := range []string{
		"backup/postgres", "backup/verify", "billing/close-day", "billing/invoices", "billing/reminders", "crm/sync", "dwh/load/orders",
		"dwh/load/users", "dwh/vacuum", "etl/clicks", "infra/certs/renew", "mail/digest", "ml/features", "reports/finance", "search/reindex",
		"security/scan", "shop/prices", "shop/stock",
	} {
		w.ordinary(chance, i, name)
	}
	w.failing("etl/partners")
	w.late("ml/train")
	w.hostile()
	gone := w.job(job.Job{Name: "old/export", Schedule: "@daily", Cluster: "cluster-a", Command: shell("exit 0")}, now.AddDate(0, -1, 0), "ci")
	w.run(gone, now.Add(-30*time.Hour).Truncate(time.Hour), way{state: run.StateSucceeded, took: time.Second})
	w.remove("old/export", now.Add(-20*time.Hour))
	w.audited(audit.Record{
		ID: "1", At: now.Add(-time.Hour), By: "bob@example.org", Role: access.Editor, Via: access.Web, From: "192.0.2.7", Action: audit.JobPut, Job: "crm/sync",
		Before: jsontext.Value(`{"schedule":"0 * * * *"}`), After: jsontext.Value(`{"schedule":"*/10 * * * *"}`),
	})
	w.audited(audit.Record{ID: "2", At: now.Add(-10 * time.Minute), By: "alice@example.org", Role: access.Operator, Via: access.CLI, Action: audit.JobRun, Job: "billing/invoices"})
	return w
}

// ordinary is a job that runs well, most of the time.
func (w *town) ordinary(chance *rand.Rand, i int, name string) {
	every := []time.Duration{10 * time.Minute, time.Hour, time.Hour, 6 * time.Hour}[i%4]
	j := w.job(job.Job{
		Name: name, Schedule: []string{"*/10 * * * *", "0 * * * *", "30 * * * *", "15 */6 * * *"}[i%4], Timezone: []string{"UTC", "Europe/Berlin"}[i%2],
		Cluster: []string{"cluster-a", "cluster-b"}[i/2%2], Command: shell("bin/" + strings.ReplaceAll(name, "/", "-") + " --all | tee /tmp/out"),
		Labels: map[string]string{"team": []string{"data", "web", "ops"}[i%3]}, Retries: i % 3, Description: "What " + name + " does, in a sentence.",
	}, w.now.AddDate(0, 0, -20), "ci@example.org")
	if i%4 == 1 {
		j.Schedule = "5 * * * *"
		j = w.job(j, w.now.AddDate(0, 0, -3), "bob@example.org")
	}
	compiled, err := j.Compile()
	if err != nil {
		w.t.Fatal(err)
	}
	took := time.Duration(5+chance.IntN(80)) * time.Second
	for due, ok := compiled.Next(w.now.Add(-48 * every)); ok && due.Before(w.now.Add(-time.Minute)); due, ok = compiled.Next(due) {
		how := way{state: run.StateSucceeded, took: took + time.Duration(chance.IntN(20_000))*time.Millisecond, late: time.Duration(chance.IntN(9)) * time.Millisecond, worker: "worker-" + j.Cluster[8:] + "1"}
		if chance.IntN(70) == 0 && due.Before(w.now.Add(-2*every)) {
			how.state, how.exit, how.retries = run.StateDead, 1+chance.IntN(3), j.Retries
		}
		how.output = []run.Output{chunk("stdout", fmt.Sprintf("begin %s\n\x1b[32mok\x1b[0m %d rows\n", name, chance.IntN(9000)))}
		w.run(j, due, how)
	}
	switch i {
	case 3:
		w.run(j, w.now.Add(-90*time.Second).Truncate(time.Second), way{state: run.StateStarted, worker: "worker-b1", output: []run.Output{chunk("stdout", "working\n")}})
	case 5:
		w.skip(j, w.now.Add(-4*time.Hour).Truncate(time.Hour), w.now.Add(-2*time.Hour).Truncate(time.Hour), 3, run.ReasonMissed)
	case 7:
		j.Paused = true
		w.job(j, w.now.Add(-5*time.Hour), "alice@example.org")
	}
}

// failing fails since a while.
func (w *town) failing(name string) {
	j := w.job(job.Job{Name: name, Schedule: "*/20 * * * *", Cluster: "cluster-a", Command: shell("bin/fetch partners"), Retries: 1}, w.now.AddDate(0, 0, -9), "ci@example.org")
	for i := 40; i >= 0; i-- {
		due := w.now.Truncate(20 * time.Minute).Add(-time.Duration(i) * 20 * time.Minute)
		if due.After(w.now.Add(-time.Minute)) {
			break
		}
		how := way{state: run.StateSucceeded, took: 20 * time.Second}
		if i < 4 {
			how = way{state: run.StateDead, took: 31 * time.Second, exit: 7, retries: 1, output: []run.Output{
				chunk("stdout", "\x1b[1mfetching\x1b[0m 12 partners\n  3 of 12\r  9 of 12\r 12 of 12\n"), chunk("stderr", "\x1b[31merror:\x1b[0m connection refused by sftp.example.org\n"),
			}}
		}
		w.run(j, due, how)
	}
}

// late has a run that nobody started.
func (w *town) late(name string) {
	j := w.job(job.Job{Name: name, Schedule: "0 */2 * * *", Cluster: "cluster-b", Command: shell("bin/train")}, w.now.AddDate(0, 0, -9), "ci@example.org")
	for i := 12; i > 0; i-- {
		w.run(j, w.now.Truncate(time.Hour).Add(-time.Duration(i)*2*time.Hour), way{state: run.StateSucceeded, took: 40 * time.Minute})
	}
	w.run(j, w.now.Add(-11*time.Minute).Truncate(time.Second), way{state: run.StateQueued})
}

// hostile has a name, a description, labels, a reason and an output that would
// like to be markup.
func (w *town) hostile() {
	j := w.job(job.Job{
		Name: script, Description: `"><img src=x onerror=alert(2)>`, Schedule: "*/30 * * * *", Cluster: "cluster-a",
		Command: shell("echo '" + script + "' \u202e"), Labels: map[string]string{script: "'\"><b>"},
	}, w.now.AddDate(0, 0, -2), `eve"><script>alert(3)</script>`)
	for i := 6; i >= 0; i-- {
		w.run(j, w.now.Truncate(30*time.Minute).Add(-time.Duration(i)*30*time.Minute), way{
			state: run.StateSucceeded, took: time.Second, worker: script, output: []run.Output{
				chunk("stdout", script+"\x00\xff\x1b[31m\u202egnp.exe\n</span></div>"+strings.Repeat("x", 20_000)+"\n"), chunk("stderr", "\x1b]8;;javascript:alert(4)\x07link\x1b]8;;\x07\n"),
			},
		})
	}
	w.skip(j, w.now.Add(-9*time.Hour), w.now.Add(-8*time.Hour), 0, script)
}
