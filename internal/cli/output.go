package cli

import (
	"fmt"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// rawFlag is the option of every command that shows what a run wrote.
type rawFlag struct {
	Raw bool `help:"Show what the run wrote as it is, even if it controls the terminal."`
}

// outputPrinter shows what one run wrote, chunk by chunk.
type outputPrinter struct {
	s    *session
	json bool
	raw  bool

	at     int // the attempt shown last
	chunks int
}

// show takes a chunk.
func (p *outputPrinter) show(o run.Output) error {
	p.chunks++
	if err := p.print(&o); err != nil {
		return fmt.Errorf("showing the output: %w", err)
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
