package hostile

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
)

// apply puts a good job into force.
func (w *world) apply(j job.Job) {
	w.t.Helper()
	j = j.WithDefaults()
	j.Timezone, j.Cluster, j.Command = "UTC", home, []string{"pass", "time"}
	j.Seconds = strings.HasPrefix(j.Schedule, "*")
	value, err := topic.EncodeJob(topic.Job{AppliedAt: time.Now().UTC(), Job: j})
	require.NoError(w.t, err)
	w.good[j.Name] = true
	w.produce(w.names.Jobs(), j.Name, value)
}

// populate applies jobs of all policies, most of them due each second.
func (w *world) populate() {
	w.t.Helper()
	const each = "* * * * * *"
	all := job.CatchUp{Policy: job.CatchUpAll, Window: time.Hour}
	soon := job.Backoff{Initial: time.Second, Factor: 2, Max: 10 * time.Second, Jitter: 0.2}
	for i := range 4 {
		w.apply(job.Job{Name: fmt.Sprintf("tick-%d", i), Schedule: each, CatchUp: all, OnLost: job.LostRetry})
	}
	w.apply(job.Job{Name: "once-1", Schedule: each, CatchUp: all, OnLost: job.LostFail, Jitter: time.Second})
	w.apply(job.Job{Name: "prompt-1", Schedule: each, CatchUp: all, StartDeadline: 20 * time.Second})
	w.apply(job.Job{Name: "flaky-1", Schedule: each, CatchUp: all, Retries: 3, RetryBackoff: soon})
	w.apply(job.Job{Name: "failing-1", Schedule: "*/2 * * * * *", CatchUp: all, Retries: 1, RetryBackoff: soon})
	w.apply(job.Job{Name: "hung-1", Schedule: "*/5 * * * * *", CatchUp: all, Timeout: time.Second})
	for _, overlap := range []job.Overlap{job.OverlapSkip, job.OverlapQueue, job.OverlapReplace} {
		w.apply(job.Job{Name: "slow-" + string(overlap), Schedule: "*/2 * * * * *", Overlap: overlap, CatchUp: all, OnLost: job.LostRetry})
	}
	w.apply(job.Job{Name: "asked-1", OnLost: job.LostRetry})
}

// ask has somebody ask for a run.
func (w *world) ask(id string) {
	w.t.Helper()
	value, err := topic.EncodeRequest(run.Request{Type: run.RequestRun, ID: id, Job: "asked-1", At: time.Now().UTC(), By: "people"})
	require.NoError(w.t, err)
	w.produce(w.names.Commands(), "asked-1", value)
}

// commands runs commands that only take time: how long, and how they end, is
// in the job's name and a hash of the run.
type commands struct {
	world *world
	host  string
}

// Run is worker.Runner's.
func (c *commands) Run(ctx context.Context, cmd exec.Command, out exec.Output) run.Outcome {
	begin := time.Now()
	o := run.Outcome{State: run.StateSucceeded, StartedAt: begin.UTC().Round(0)}
	line := check.Line{
		Word: check.WordStart, Job: cmd.Identity.Job, Run: run.ID(cmd.Identity.RunID), Attempt: cmd.Identity.Attempt,
		Fence: cmd.Identity.Fence, Host: c.host, At: begin.UTC().Round(0),
	}
	c.world.write(line)
	out(exec.Stdout, []byte("hello from "+cmd.Identity.Job+"\n"))
	length, exit := behaviour(cmd)
	var timeout <-chan time.Time
	if cmd.Timeout > 0 {
		timeout = time.After(cmd.Timeout)
	}
	select {
	case <-time.After(length):
		line.Word, line.At, line.Exit = check.WordEnd, time.Now().UTC().Round(0), exit
		c.world.write(line)
		if o.ExitCode = exit; exit != 0 {
			o.State = run.StateFailed
		}
	case <-timeout:
		o.State, o.ExitCode = run.StateTimedOut, -1
	case <-ctx.Done():
		o.State, o.ExitCode, o.Reason = run.StateCancelled, -1, context.Cause(ctx).Error()
	}
	o.EndedAt = time.Now().UTC().Round(0)
	return o
}

// behaviour is how long a command takes, and its exit code.
func behaviour(cmd exec.Command) (time.Duration, int) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(cmd.Identity.RunID))
	dice := h.Sum64()
	length := 10*time.Millisecond + time.Duration(dice%200)*time.Millisecond
	switch kind, _, _ := strings.Cut(cmd.Identity.Job, "-"); kind {
	case "slow":
		return 10 * length, 0
	case "hung":
		return time.Hour, 0
	case "failing":
		return length, 3
	case "flaky":
		if cmd.Identity.Attempt <= int(dice%3) {
			return length, 1
		}
	}
	return length, 0
}
