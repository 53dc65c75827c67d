package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// beforeDue is how long before a run's due time its first records may stand
// in the log: it is staged a lead ahead, and clocks differ.
const beforeDue = 10 * time.Minute

// closingWait is how long to wait for the end of a run's output once the run
// has ended. A worker that was lost never wrote one.
const closingWait = 2 * time.Second

// rawFlag is the option of every command that shows what a run wrote.
type rawFlag struct {
	Raw bool `help:"Show what the run wrote as it is, even if it controls the terminal."`
}

// outputPrinter shows what one run wrote, chunk by chunk.
type outputPrinter struct {
	s       *session
	id      run.ID
	attempt int // only this one; 0 shows all
	json    bool
	raw     bool

	mu     sync.Mutex
	at     int // the attempt shown last
	chunks int
	closed int // the attempt whose output was closed last
	change chan struct{}
}

// show takes a record of an output topic.
func (p *outputPrinter) show(r *kgo.Record) error {
	o, err := topic.DecodeOutput(r.Value)
	wanted := err == nil && o.Run == p.id && (p.attempt == 0 || o.Attempt == p.attempt)
	if !wanted {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chunks++
	if err := p.print(&o); err != nil {
		return fmt.Errorf("showing the output: %w", err)
	}
	if o.Last {
		p.closed = max(p.closed, o.Attempt)
		if p.change != nil {
			close(p.change)
			p.change = nil
		}
	}
	return nil
}

func (p *outputPrinter) print(o *run.Output) error {
	p.s.progress.stop()
	if p.json {
		line, err := topic.Marshal(o)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.s.out, "%s\n", line)
		return err
	}
	if p.at != 0 && o.Attempt != p.at {
		if _, err := fmt.Fprintf(p.s.out, "[belfry: attempt %d]\n", o.Attempt); err != nil {
			return err
		}
	}
	p.at = o.Attempt
	if o.CutBytes > 0 {
		if _, err := fmt.Fprintf(p.s.out, "\n[belfry: %d bytes were left out here]\n", o.CutBytes); err != nil {
			return err
		}
	}
	to, toErr := p.s.verbatim(p.raw)
	if o.Stream == "stderr" {
		to = toErr
	}
	_, err := to.Write(o.Data)
	return err
}

// finish waits for the end of an attempt's output, within reason, and then
// calls stop.
func (p *outputPrinter) finish(attempt int, stop func()) {
	defer stop()
	limit := time.NewTimer(closingWait)
	defer limit.Stop()
	for {
		p.mu.Lock()
		if p.closed >= attempt {
			p.mu.Unlock()
			return
		}
		change := make(chan struct{})
		p.change = change
		p.mu.Unlock()
		select {
		case <-change:
		case <-limit.C:
			return
		}
	}
}

// followOutput shows what the run writes until ctx ends.
func (k *cluster) followOutput(ctx context.Context, f found, p *outputPrinter) error {
	name := k.names.Output(f.cluster)
	from, err := k.offsetsAt(ctx, name, nil, f.due.Add(-beforeDue))
	if err != nil {
		return err
	}
	return kafka.Follow(ctx, k.o, name, from, kafka.ReadCommitted, p.show)
}

// printOutput shows what the run has written up to now. It is looked for in
// the partition its ID belongs to, then in the others: the topic may have had
// fewer partitions when it was written.
func (k *cluster) printOutput(ctx context.Context, f found, p *outputPrinter) error {
	name := k.names.Output(f.cluster)
	all, err := k.offsetsAt(ctx, name, nil, f.due.Add(-beforeDue))
	if err != nil {
		return err
	}
	home := topic.Partition(string(f.id), int32(max(len(all), 1)))
	for _, first := range []bool{true, false} {
		from := map[int32]int64{}
		for partition, at := range all {
			if (partition == home) == first {
				from[partition] = at
			}
		}
		k.s.progress.say("reading " + name)
		if _, err := kafka.ReadFrom(ctx, k.o, name, from, kafka.ReadCommitted, p.show); err != nil {
			return fmt.Errorf("reading the output: %w", err)
		}
		if p.chunks > 0 {
			return nil
		}
	}
	return nil
}
