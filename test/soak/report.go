package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"

	"github.com/belfry-cron/belfry/internal/sim/check"
)

//go:embed report.html
var page string

// report writes figures.json and report.html, and the same as text to
// standard output.
func report(o options, w *world, e check.Evidence, r check.Report) error {
	f, starts := measure(o, w, e, r)
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "figures.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	html, err := os.Create(filepath.Join(o.out, "report.html"))
	if err != nil {
		return err
	}
	if err := errors.Join(writePage(html, f, plotOf(f, starts)), html.Close()); err != nil {
		return err
	}
	printFigures(os.Stdout, f)
	say("the report is in %s", html.Name())
	return nil
}

// writePage writes one HTML file that needs nothing else.
func writePage(to io.Writer, f figures, p plot) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(to, struct {
		figures
		Plot plot
	}{f, p})
}

func printFigures(to io.Writer, f figures) {
	show := func(format string, args ...any) { _, _ = fmt.Fprintf(to, format, args...) }
	show("%s: seed %d, %d jobs/s for %.0f s, Kafka %s, %s\n", f.Verdict, f.Seed, f.Rate, f.Seconds, f.Kafka, f.Machine)
	show("%d due times, %d starts, %d ended, %d skipped; %d returned, %d retried, %d taken from lost workers\n",
		f.Dues, f.Starts, f.Ended, f.Skipped, f.Returned, f.Retried, f.Taken)
	faults := 0
	for _, p := range f.Phases {
		if p.Fault {
			faults++
		}
	}
	show("figure: of %d due times %d lost, %d doubled, %d other violations, in %.0f s at %d jobs/s with %d faults\n\n",
		f.Dues, f.Lost, f.Doubled, len(f.Violations)-f.Lost-f.Doubled, f.Seconds, f.Rate, faults)
	show("%-22s %8s %7s %8s %8s %8s %8s\n", "phase", "from", "length", "starts", "p50", "p99", "worst")
	for _, p := range f.Phases {
		show("%-22s %7.0fs %6.0fs %8d %7.3fs %7.3fs %7.3fs\n", p.Name, p.From.Sub(f.Began).Seconds(),
			p.Until.Sub(p.From).Seconds(), p.Late.Starts, p.Late.P50, p.Late.P99, p.Late.Worst)
	}
	for _, w := range f.Why {
		show("invalid: %s\n", w)
	}
	for i, v := range f.Violations {
		if i == 20 {
			show("and %d more, in figures.json\n", len(f.Violations)-i)
			break
		}
		show("%s\n", v)
	}
}
