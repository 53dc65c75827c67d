package main

import (
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/test/site"
)

// steady is the file of the jobs that nobody changes while the soak lasts.
// Those due each second are spread over it by their jitter, all but each
// twentieth, and take no time; the others are what clusters also hold.
func steady(rate int, journal string) string {
	var b strings.Builder
	header(&b, journal)
	for i := range rate {
		jitter, lost := "1s", "retry"
		if i%20 == 0 {
			jitter = "0s"
		}
		if i%2 == 0 {
			lost = "fail"
		}
		add(&b, fmt.Sprintf("tick-%d", i), "* * * * * *", "", 0, "jitter: "+jitter+", on_lost: "+lost+", catch_up: {policy: all, window: 1h}")
	}
	for i, overlap := range []string{"skip", "queue", "replace", "allow"} {
		work := "sleep 4"
		if overlap == "queue" {
			work = "sleep 2" // less than there is between two due times, so that the queue ends
		}
		add(&b, "slow-"+overlap, fmt.Sprintf("%d-59/3 * * * * *", i%3), work, 0, "on_lost: retry, overlap: "+overlap)
	}
	for i := range 4 {
		add(&b, fmt.Sprintf("failing-%d", i), "*/5 * * * * *", "sleep 0.2", 3, "retries: 2, retry_backoff: {initial: 1s, factor: 2, jitter: 0.2}, catch_up: {policy: all, window: 1h}")
		add(&b, fmt.Sprintf("flaky-%d", i), "*/5 * * * * *", "[ $BELFRY_ATTEMPT -gt 1 ] || { note end 1; exit 1; }", 0, "retries: 3, retry_backoff: {initial: 1s, factor: 2, jitter: 0.2}, catch_up: {policy: all, window: 1h}")
	}
	for i := range 3 {
		add(&b, fmt.Sprintf("long-%d", i), fmt.Sprintf("%d * * * * *", 20*i+7), "sleep 50", 0, "overlap: skip, on_lost: retry")
	}
	add(&b, "hung", "*/20 * * * * *", "sleep 300", 0, "timeout: 3s")
	add(&b, "prompt", "* * * * * *", "", 0, "start_deadline: 20s")
	add(&b, "asked", "", "sleep 1", 0, "on_lost: retry")
	add(&b, "paused", "* * * * * *", "", 0, "catch_up: {policy: all, window: 1h}")
	return b.String()
}

// changing is the file of the jobs that are edited and deleted: its nth
// version.
func changing(n int, journal string) string {
	var b strings.Builder
	header(&b, journal)
	for i := range 4 {
		every := 1 + (n+i)%4
		add(&b, fmt.Sprintf("edited-%d", i), fmt.Sprintf("*/%d * * * * *", every), "", 0, "catch_up: {policy: all, window: 1h}")
	}
	if n%3 != 2 {
		add(&b, "gone", "*/2 * * * * *", "", 0, "")
	}
	return b.String()
}

func header(b *strings.Builder, journal string) {
	fmt.Fprintf(b, "defaults: {seconds: true, env: {JOURNAL: %q}}\njobs:\n", journal)
}

// add writes a job whose command notes that it starts, does some work, notes
// that it ends, and exits.
func add(b *strings.Builder, name, schedule, work string, exit int, fields string) {
	if work != "" {
		work += "; "
	}
	fmt.Fprintf(b, "  - {name: %s, command: %q", name, fmt.Sprintf("%snote start; %snote end %d; exit %d", site.Note, work, exit, exit))
	if schedule != "" {
		fmt.Fprintf(b, ", schedule: %q", schedule)
	}
	if fields != "" {
		b.WriteString(", " + fields)
	}
	b.WriteString("}\n")
}
