package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// writeText writes tables for people. Every goal stands beside its figure.
func (r *report) writeText(to io.Writer) error {
	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	show := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) } // Flush tells
	show("%s, %d due times a second, %s\n", r.Machine, r.Rate, r.Began.Format(time.RFC3339))
	r.scheduled(show)
	r.others(show)
	r.places(show)
	r.rounds(show)
	for _, text := range r.Slow {
		show("too slow: %s\n", text)
	}
	for _, text := range r.LeftOut {
		show("left out: %s\n", text)
	}
	return t.Flush()
}

type printer func(format string, args ...any)

// scheduled shows, for each kind of fault, the runs whose lateness has a goal.
func (r *report) scheduled(show printer) {
	show("\nScheduled runs with overlap allow, all rounds of a fault as one; lateness in seconds\n")
	show("kafka\tfault\tdue times\tlost\tdoubled\tother\twithout: p99\tworst\twith: p99\tworst\tbeyond\tgoal\t\t\n")
	for _, g := range r.groups() {
		k, err := kindOf(g.kind)
		if err != nil {
			continue
		}
		a, b := g.pool("scheduled", false).Late, g.pool("scheduled", true).Late
		beyond := b.Worst - a.Worst
		goal, verdict := "explained", ""
		if k.goal > 0 {
			goal, verdict = fmt.Sprintf("%.2f", k.goal.Seconds()), met(beyond <= secondsOf(k.goal))
		}
		show("%s\t%s\t%d\t%d\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%+.3f\t%s\t%s\t\n", g.kafka, g.kind, g.dues, g.lost, g.doubled,
			g.others, a.P99, a.Worst, b.P99, b.Worst, beyond, goal, verdict)
	}
	for _, j := range r.Judged {
		for i, v := range j.Violations {
			if i == 10 {
				show("and %d more\n", len(j.Violations)-i)
				break
			}
			show("%s\n", v)
		}
		for _, why := range j.Why {
			show("invalid: %s\n", why)
		}
	}
}

// others shows the streams without a goal.
func (r *report) others(show printer) {
	show("\nThe other streams: p50 and worst in seconds, without the fault and with it; commands of people that failed\n")
	show("kafka\tfault\tstream\tn\tp50\tworst\tn\tp50\tworst\tskipped\tfailed\tnever\t\n")
	for _, g := range r.groups() {
		for _, name := range streamNames()[1:] {
			a, b := g.pool(name, false), g.pool(name, true)
			show("%s\t%s\t%s\t%d\t%.3f\t%.3f\t%d\t%.3f\t%.3f\t%d\t%d\t%d\t\n", g.kafka, g.kind, name,
				a.Late.N, a.Late.P50, a.Late.Worst, b.Late.N, b.Late.P50, b.Late.Worst, b.Skipped, b.Failed, b.Never)
		}
	}
}

// places shows the steps at which late runs lost their time, and the warnings of
// members.
func (r *report) places(show printer) {
	show("\nWhere scheduled runs that felt the fault lost their time: where the broker led their shard's events / where not\n")
	show("kafka\tstrike\tlate\tdue from\tto\tback after\t%s\t\n", strings.Join(steps(), "\t"))
	for _, s := range r.Strikes {
		show("%s\t%s\t%d\t%.1f\t%.1f\t%.1f\t", s.Kafka, s.name(), s.Felt.Late, s.Felt.From, s.Felt.Until, s.Felt.Back)
		for _, step := range steps() {
			show("%d/%d\t", s.Felt.Led[step], s.Felt.NotLed[step])
		}
		show("\n")
	}
	show("\nWhat members said meanwhile\n")
	for _, s := range r.Strikes {
		for _, said := range s.Felt.Said {
			show("%s\t%s\t%d\t%.1f to %.1f s\t%s\t\n", s.name(), said.Role, said.Times, said.First, said.Last, said.What)
		}
	}
}

// rounds shows each strike, and Kafka itself.
func (r *report) rounds(show printer) {
	show("\nEach strike: what the broker had, and Kafka's own part in seconds\n")
	show("kafka\tstrike\tload\tbeats\tevents\tcontroller\tcoordinates\tgone on\tserved\twhole\twithout: worst\twith: worst\n")
	for _, s := range r.Strikes {
		show("%s\t%s\t%s\t%t\t%d\t%t\t%d\t%.1f\t%.1f\t%.1f\t%.3f\t%.3f\t\n", s.Kafka, s.name(), s.Load, s.Held.Beats, s.Held.Events,
			s.Held.Controller, s.Held.Coordinates, s.Without, s.Served, s.Whole.Sub(s.Undone).Seconds(),
			s.Undisturbed["scheduled"].Late.Worst, s.Faulty["scheduled"].Late.Worst)
	}
	show("\nA plain client beside: longest wait for an acknowledgement in seconds, by the replicas of the partition (the first leads)\n")
	for i, s := range r.Strikes {
		if i == 0 {
			show("kafka\tstrike\t")
			for _, b := range s.Beside {
				show("%v\t", b.Replicas)
			}
			show("\n")
		}
		show("%s\t%s\t", s.Kafka, s.name())
		for _, b := range s.Beside {
			show("%.2f\t", b.Faulty)
		}
		show("\n")
	}
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "missed"
}
