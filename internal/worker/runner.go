package worker

import (
	"context"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

// execute runs a run and tells the loop how it ended. It looks once more
// whether the worker is in touch before it does; from there to the start of the
// command pass microseconds, which no check can close.
func (w *worker) execute(ctx context.Context, r run.Run, decided time.Duration) {
	out := w.newOutput(r)
	stream := exec.NewStream(exec.Limits{}, out.send)
	command := commandOf(r)
	if !claim.MayStart(w.mono(), decided, time.Duration(w.beaten.Load()), w.hearing.asked()) {
		w.metrics.refused.Inc()
		w.tell(claim.Refused{Key: r.Key()})
		return
	}
	w.metrics.starts.WithLabelValues(r.Trigger.Label()).Inc()
	w.metrics.late(time.Since(r.NotBefore).Seconds(), &r)
	ended := w.commands.begin(r.Key(), time.Now())
	outcome := w.o.Runner.Run(ctx, command, stream.Output)
	ended()
	stream.Close(&outcome)
	outcome.OutputCutBytes += out.cutBytes
	if !outcome.StartedAt.IsZero() {
		w.metrics.runSeconds.Observe(outcome.EndedAt.Sub(outcome.StartedAt).Seconds())
	}
	w.tell(claim.Exited{Key: r.Key(), Outcome: outcome})
}

func commandOf(r run.Run) exec.Command {
	env := make([]string, 0, len(r.Env))
	for name, value := range r.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return exec.Command{
		Args: r.Command, Stdin: r.Stdin, Env: env, Dir: r.WorkingDir, User: r.User, Timeout: r.Timeout, Linger: r.Linger,
		Identity: exec.Identity{
			Job: r.Job, RunID: string(r.ID), Attempt: r.Attempt, Due: r.Due, Fence: r.Fence, Cluster: r.Cluster,
		},
	}
}
