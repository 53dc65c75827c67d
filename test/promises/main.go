// Command promises runs what proves Belfry's promises and writes the figures
// into docs/promises.md: that page names the commands, and this one knows
// nothing but the page.
//
// A proof tells its figure in a line that holds "figure: "; the numbers of
// several such lines of the same words are added up.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"
)

func main() {
	all := flag.Bool("all", false, "also those that need Java and many minutes")
	only := flag.String("only", "", "only this promise, as P4")
	page := flag.String("page", "docs/promises.md", "the page to read and rewrite")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := prove(ctx, *page, func(r row) bool {
		return (*all || !r.long) && (*only == "" || *only == r.promise)
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "promises:", err)
		os.Exit(1)
	}
}

// prove runs the proofs of the wanted rows and rewrites those that held. What
// failed keeps its last figure, and is told.
func prove(ctx context.Context, path string, wanted func(row) bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	var failed []error
	for i, line := range lines {
		r, ok := parse(line)
		if !ok || !wanted(r) {
			continue
		}
		fmt.Printf("%s  %s\n", r.promise, r.command)
		began := time.Now()
		found, err := run(ctx, r.command)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", r.promise, err))
			continue
		}
		fmt.Printf("    %s (%s)\n", found, time.Since(began).Round(time.Second))
		lines[i] = r.with(found, time.Now())
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// run runs a proof and returns its figure.
func run(ctx context.Context, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command, err, out.String())
	}
	found := figure(out.String())
	if found == "" {
		return "", fmt.Errorf("%s told no figure\n%s", command, out.String())
	}
	return found, nil
}
