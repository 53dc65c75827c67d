package main

import (
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/test/site"
)

// The streams of runs, by how their jobs' names begin. Each has figures of its
// own.
const (
	streamTick   = "tick-"   // scheduled, overlap allow
	streamRetry  = "retry-"  // fail once, and succeed when tried again
	streamSkip   = "skip-"   // overlap skip
	streamQueue  = "queue-"  // overlap queue
	streamAsked  = "asked"   // asked for by people
	streamEdited = "edited"  // edited all the while
	streamNew    = "newborn" // made, and deleted again
)

// caughtUp has no due time excused.
const caughtUp = "catch_up: {policy: all, window: 1h}"

// steady is the file of the jobs that stay as they are. Jitter spreads the jobs
// due each second over it, all but each twentieth.
func steady(rate int, journal string) string {
	var b strings.Builder
	header(&b, journal)
	for i := range rate {
		jitter := "1s"
		if i%20 == 0 {
			jitter = "0s"
		}
		add(&b, fmt.Sprintf("%s%d", streamTick, i), "* * * * * *", "", "overlap: allow, on_lost: retry, jitter: "+jitter+", "+caughtUp)
	}
	for i := range 4 {
		add(&b, fmt.Sprintf("%s%d", streamRetry, i), fmt.Sprintf("%d-59/4 * * * * *", i),
			"[ $BELFRY_ATTEMPT -gt 1 ] || { note end 1; exit 1; }; ",
			"retries: 3, retry_backoff: {initial: 1s, factor: 1, jitter: 0}, "+caughtUp)
		add(&b, fmt.Sprintf("%s%d", streamSkip, i), fmt.Sprintf("%d-59/4 * * * * *", i), "sleep 1; ", "overlap: skip, on_lost: retry, "+caughtUp)
		add(&b, fmt.Sprintf("%s%d", streamQueue, i), fmt.Sprintf("%d-59/4 * * * * *", i), "sleep 1; ", "overlap: queue, on_lost: retry, "+caughtUp)
	}
	add(&b, streamAsked, "", "", "on_lost: retry")
	return b.String()
}

// changing is the nth version of the file of the jobs that people change: each
// version edits a job, deletes a job and makes a new job.
func changing(n int, journal string) string {
	var b strings.Builder
	header(&b, journal)
	add(&b, streamEdited, fmt.Sprintf("%d-59/2 * * * * *", n%2), "", caughtUp)
	add(&b, newborn(n), "* * * * * *", "", caughtUp)
	return b.String()
}

func newborn(n int) string { return fmt.Sprintf("%s-%d", streamNew, n) }

func header(b *strings.Builder, journal string) {
	fmt.Fprintf(b, "defaults: {seconds: true, env: {JOURNAL: %q}}\njobs:\n", journal)
}

// add writes a job whose command notes that it starts, does some work, and
// notes that it ends.
func add(b *strings.Builder, name, schedule, work, fields string) {
	fmt.Fprintf(b, "  - {name: %s, command: %q", name, site.Note+"note start; "+work+"note end 0")
	if schedule != "" {
		fmt.Fprintf(b, ", schedule: %q", schedule)
	}
	fmt.Fprintf(b, ", %s}\n", fields)
}
