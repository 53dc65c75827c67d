package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

type runCmd struct {
	connection
	Job    string `arg:"" help:"Name of the job."`
	Follow bool   `short:"f" help:"Wait for the run, show what it writes and how it ends."`
	rawFlag
}

func (runCmd) Help() string {
	return "The run goes the way of every other: its job's overlap policy, retries and cluster hold for it. " +
		"With --follow the exit code is 0 if it succeeded and 5 if not.\n\n" +
		"Examples:\n\n    belfry run backup\n    belfry run backup --follow"
}

// Run sends the request and, if asked to, follows the run to its end.
func (c *runCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	j, err := k.job(ctx, c.Job)
	if err != nil {
		return err
	}
	request := newRequest(run.RequestRun, c.Job)
	from, err := k.offsetsAt(ctx, k.names.Events(), k.shardOf(c.Job), request.At)
	if err != nil {
		return err
	}
	if err := k.send(ctx, request); err != nil {
		return err
	}
	id := run.NewID(c.Job, request.At, request.ID)
	if !c.Follow {
		s.printf("%s\n", id)
		return nil
	}
	s.progress.stop()
	end, err := k.followRun(ctx, found{id, c.Job, request.At, j.Job.Cluster}, from, &outputPrinter{s: s, id: id, raw: c.Raw})
	if err != nil {
		return err
	}
	if end.State != run.StateSucceeded {
		return &exitError{exitRunFailed, errors.New(fate(&end))}
	}
	s.note("%s", fate(&end))
	return nil
}

// errEnded ends the reading of a log that goes on.
var errEnded = errors.New("ended")

// followRun shows what a run writes until the shard has ended it.
func (k *cluster) followRun(ctx context.Context, f found, from map[int32]int64, printer *outputPrinter) (ledger.Run, error) {
	following, stop := context.WithCancel(ctx)
	defer stop()
	shown := make(chan error, 1)
	go func() { shown <- k.followOutput(following, f, printer) }()
	l := ledger.New(ledger.Options{})
	err := kafka.Follow(ctx, k.o, k.names.Events(), from, kafka.ReadCommitted, func(r *kgo.Record) error {
		if e, err := topic.DecodeEvent(r.Value); err == nil && e.Run == f.id {
			l.Fold(e)
		}
		if r, ok := l.Run(f.id); ok && r.Ended() {
			return errEnded
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnded) {
		return ledger.Run{}, err
	}
	end, _ := l.Run(f.id)
	last := lastToWrite(&end)
	if last == 0 {
		return end, nil // skipped, or nothing was written
	}
	printer.finish(last, stop)
	if err := <-shown; err != nil && following.Err() == nil {
		return end, err
	}
	return end, nil
}

// lastToWrite returns the latest attempt that may have written something; 0
// if none has. What a lost one wrote nobody counted.
func lastToWrite(r *ledger.Run) int {
	for i, a := range slices.Backward(r.Attempts) {
		if a.Outcome == nil || a.Outcome.OutputBytes > 0 || a.Outcome.State == run.StateLost {
			return i + 1
		}
	}
	return 0
}
