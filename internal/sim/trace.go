package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// traceLine is one line of the trace: who did what, for which run.
type traceLine struct {
	at   time.Duration
	who  string
	job  string
	run  run.ID
	text string
}

func (w *world) trace(who, job string, id run.ID, format string, args ...any) {
	if w.cfg.Trace {
		w.entries = append(w.entries, traceLine{w.now, who, job, id, fmt.Sprintf(format, args...)})
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// storyMost bounds the violations that are told in full.
const storyMost = 3

// story tells what led to the first violations: all that concerns their runs,
// and what was done to the system meanwhile. Without violations it is the
// whole trace.
func (w *world) story(r check.Report) string {
	var b strings.Builder
	if len(r.Violations) == 0 || w.cfg.Whole {
		for _, e := range w.entries {
			w.tell(&b, e)
		}
		return b.String()
	}
	for i, v := range r.Violations {
		if i == storyMost {
			fmt.Fprintf(&b, "… and %d more\n", len(r.Violations)-i)
			break
		}
		fmt.Fprintf(&b, "%s\n", v)
		w.tellOf(&b, v)
	}
	return b.String()
}

func (w *world) tellOf(b *strings.Builder, v check.Violation) {
	first, last := time.Duration(-1), time.Duration(0)
	for _, e := range w.entries {
		if e.run == v.Run && v.Run != "" {
			if first < 0 {
				first = e.at
			}
			last = e.at
		}
	}
	if first < 0 {
		first = v.At.Sub(w.cfg.Start)
		last = first
	}
	for _, e := range w.entries {
		asked := e.who == "people" && e.job == v.Job
		if !asked && (e.at < first-40*time.Second || e.at > last+time.Second) {
			continue
		}
		if asked || e.run == v.Run || e.job == "" || e.job == v.Job && e.run == "" {
			w.tell(b, e)
		}
	}
}

func (w *world) tell(b *strings.Builder, e traceLine) {
	what := e.job
	if e.run != "" {
		what += " " + string(e.run[:8])
	}
	fmt.Fprintf(b, "  %s %-6s %-18s %s\n", clock(w.real(e.at)), e.who, what, e.text)
}
