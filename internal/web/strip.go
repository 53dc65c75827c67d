package web

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// The strip of a job: its last runs as bars, the newest at the right.
const (
	stripRuns   = 30
	stripBar    = 5
	stripGap    = 1
	stripHeight = 22
	stripWidth  = stripRuns*(stripBar+stripGap) - stripGap
)

// bar is a rectangle of a chart.
type bar struct {
	X, Y, W, H int
	Class      string
	Title      string
	Href       string
}

// strip is the drawing of a strip. Label says in words what it shows.
type strip struct {
	Bars          []bar
	Label         string
	Width, Height int
}

// shortID is how much of a run's ID a page writes: 12 hexadecimal digits are
// enough to tell millions of runs apart.
func shortID(id run.ID) string { return string(id[:min(len(id), 13)]) }

// stripOf draws runs, oldest first. Heights grow with the square root of how
// long a run took; a failure is as high as the strip, whatever it took.
func stripOf(runs []history.StripRun, c clock) strip {
	if len(runs) > stripRuns {
		runs = runs[len(runs)-stripRuns:]
	}
	longest := time.Second
	for _, r := range runs {
		longest = max(longest, r.Duration)
	}
	s := strip{Width: stripWidth, Height: stripHeight, Label: stripLabel(runs)}
	for i, r := range runs {
		height := 6 + int(float64(stripHeight-8)*math.Sqrt(float64(max(0, r.Duration))/float64(longest)))
		t := toneOf(r.State)
		switch t {
		case bad:
			height = stripHeight
		case none:
			height = stripBar
		case busy, wait:
			height = stripHeight * 2 / 3
		case good, late:
		}
		b := bar{
			X: (stripRuns - len(runs) + i) * (stripBar + stripGap), Y: stripHeight - height,
			W: stripBar, H: height, Class: string(t), Href: "/runs/" + shortID(r.ID), Title: stripTitle(r, c),
		}
		if t == none {
			b.W, b.H, b.Class = b.W-1, b.H-1, "skip"
		}
		s.Bars = append(s.Bars, b)
	}
	return s
}

func stripTitle(r history.StripRun, c clock) string {
	title := c.short(r.Due) + " " + markOf(r.State).Word
	if r.Duration > 0 {
		title += ", took " + lasting(r.Duration)
	}
	if r.Lateness >= time.Second {
		title += ", " + lasting(r.Lateness) + " late"
	}
	return title
}

func stripLabel(runs []history.StripRun) string {
	if len(runs) == 0 {
		return "no runs yet"
	}
	counts := map[tone]int{}
	for _, r := range runs {
		counts[toneOf(r.State)]++
	}
	parts := []string{}
	for _, p := range []struct {
		t    tone
		word string
	}{{good, "succeeded"}, {bad, "failed"}, {busy, "running"}, {wait, "waiting"}, {none, "cancelled or skipped"}} {
		if n := counts[p.t]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, p.word))
		}
	}
	return fmt.Sprintf("last %s: %s", counted(len(runs), "run"), strings.Join(parts, ", "))
}
