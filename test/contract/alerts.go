package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

const alertsHead = `# Alerts

Written by ` + "`go run ./test/contract`" + ` from [deploy/prometheus/rules](../deploy/prometheus/rules):
do not edit. What fails in which way, and what is not alerted, is in
[failure-modes.md](failure-modes.md); who is called and how in [pagerduty.md](pagerduty.md).

**page** wakes somebody: users are hurt, or one more failure will hurt them and
automation had its chance. **ticket** waits for the morning. **none** wakes nobody.
sev1: nothing or next to nothing runs; sev2: some runs are late, lost or wrong; sev3:
nobody is hurt yet.

*Detect within* is how long after the series show the fault the alert fires at the
latest, with 5 s between scrapes and between evaluations; ` + "`promtool test rules`" + ` proves it
for each, beside that it does not fire without the fault, without series, or at a
cold start ([tests](../deploy/prometheus/tests)). *Really caused* are those for which
` + "`make test-alerts`" + ` causes the fault on real Kafka and awaits the page.

| alert | | severity | detect within | what it says | its fault, for a test | really caused |
|---|---|---|---|---|---|---|
`

// alertsPage is docs/alerts.md.
func alertsPage(root string) (string, error) {
	all, err := rules(root)
	if err != nil {
		return "", err
	}
	caused, err := reallyCaused(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(alertsHead)
	last := ""
	for _, r := range all {
		if r.Alert == "" {
			continue
		}
		if r.file != last {
			last = r.file
			fmt.Fprintf(&b, "| **%s** | | | | | | |\n", strings.TrimSuffix(filepath.Base(r.file), ".yml"))
		}
		yes := ""
		if caused[r.Alert] {
			yes = "yes"
		}
		fmt.Fprintf(&b, "| [%s](runbooks/%s.md) | %s | %s | %s | %s | %s | %s |\n", r.Alert, r.Alert,
			r.Labels["notify"], r.Labels["severity"], r.Annotations["detect_within"],
			plain(r.Annotations["summary"]), r.Annotations["caused_by"], yes)
	}
	return b.String(), nil
}

// plain is a summary whose template is shown as what it stands for.
func plain(summary string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(summary, "{{")
		b.WriteString(before)
		inside, after, closed := strings.Cut(rest, "}}")
		if !ok || !closed {
			return b.String()
		}
		words := strings.Fields(inside)
		name := strings.TrimPrefix(strings.TrimPrefix(words[0], "$labels."), "$")
		b.WriteString("*" + name + "*")
		summary = after
	}
}
