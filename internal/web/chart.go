package web

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
)

// columns is a chart of columns over time. It stretches to the width of its
// panel, so its labels are HTML beside it.
type columns struct {
	Bars          []bar
	Marks         []bar // dashed lines: X, Y, W, H are the ends
	Width, Height int
	Label         string   // in words
	Max           string   // what the top means
	Ticks         []string // evenly spaced below it
}

// part is one piece of a column.
type part struct {
	Class string
	N     float64
}

// column is what stands over one stretch of time.
type column struct {
	Parts []part // from the bottom up
	Title string
	Href  string
}

// columnsOf draws columns of 8 units with a gap of 2, and height units high.
func columnsOf(cols []column, height int, label string) columns {
	c := columns{Width: max(1, len(cols)*10-2), Height: height, Label: label}
	highest := 1.0
	for _, col := range cols {
		highest = max(highest, sum(col.Parts))
	}
	for i, col := range cols {
		y := float64(height)
		total := sum(col.Parts)
		for _, p := range col.Parts {
			if p.N <= 0 {
				continue
			}
			h := max(2, p.N/highest*float64(height))
			y = max(0, y-h)
			c.Bars = append(c.Bars, bar{X: i * 10, Y: int(math.Round(y)), W: 8, H: int(math.Ceil(h)), Class: p.Class, Title: col.Title, Href: col.Href})
		}
		if total == 0 {
			c.Bars = append(c.Bars, bar{X: i * 10, Y: height - 1, W: 8, H: 1, Class: "base", Title: col.Title})
		}
	}
	return c
}

func sum(parts []part) float64 {
	var n float64
	for _, p := range parts {
		n += p.N
	}
	return n
}

// firesChart is how many runs were due in each minute of the last hour.
func firesChart(fires []history.Fires, c clock) columns {
	cols := make([]column, 0, len(fires))
	highest, total, failures := 0, 0, 0
	for _, f := range fires {
		title := fmt.Sprintf("%s: %s", c.short(f.At), counted(f.Runs, "run"))
		if f.Failed > 0 {
			title += fmt.Sprintf(", %d failed", f.Failed)
		}
		cols = append(cols, column{Title: title, Parts: []part{{"bad", float64(f.Failed)}, {"good", float64(f.Runs - f.Failed)}}})
		highest, total, failures = max(highest, f.Runs), total+f.Runs, failures+f.Failed
	}
	chart := columnsOf(cols, 80, fmt.Sprintf("Runs due in each minute of the last hour: %s in all, %d failed, at most %d in a minute.", grouped(total), failures, highest))
	chart.Max = counted(highest, "run") + " a minute"
	chart.Ticks = []string{"1 h ago", "45 min", "30 min", "15 min", "now"}
	return chart
}

// hourChart is how many runs will be due in each minute of the next hour.
func hourChart(fires []fire, now time.Time, c clock) columns {
	var counts [60]int
	first := now.Truncate(time.Minute)
	for _, f := range fires {
		if i := int(f.At.Sub(first) / time.Minute); i >= 0 && i < 60 {
			counts[i]++
		}
	}
	cols := make([]column, 0, len(counts))
	highest := 0
	for i, n := range counts {
		cols = append(cols, column{Title: c.short(first.Add(time.Duration(i)*time.Minute)) + ": " + counted(n, "run"), Parts: []part{{"busy", float64(n)}}})
		highest = max(highest, n)
	}
	chart := columnsOf(cols, 40, fmt.Sprintf("Runs due in each minute of the next hour: %s in all, at most %d in a minute.", grouped(len(fires)), highest))
	chart.Max = "at most " + counted(highest, "run") + " a minute"
	chart.Ticks = []string{"now", "in 15 min", "30 min", "45 min", "1 h"}
	return chart
}

// durationChart is how long the last runs of a job took, oldest first.
func durationChart(runs []history.RunRow, c clock) columns {
	cols := make([]column, 0, len(runs))
	var ended []time.Duration
	for i := range runs {
		r := &runs[i]
		took := r.Duration
		if r.State.Final() && took > 0 {
			ended = append(ended, took)
		}
		if took == 0 && !r.State.Final() && !r.StartedAt.IsZero() {
			took = max(0, c.now.Sub(r.StartedAt))
		}
		title := c.short(r.Due) + " " + markOf(r.State).Word
		if took > 0 {
			title += ", took " + lasting(took)
		}
		if r.Lateness >= time.Second {
			title += ", " + lasting(r.Lateness) + " late"
		}
		class := string(toneOf(r.State))
		if class == string(none) {
			class = "skip"
		}
		cols = append(cols, column{Title: title, Href: "/runs/" + shortID(r.ID), Parts: []part{{class, took.Seconds() + 0.0001}}})
	}
	longest := 0.0
	for _, col := range cols {
		longest = max(longest, sum(col.Parts))
	}
	scale(cols, longest)
	chart := columnsOf(cols, 120, durationLabel(ended))
	chart.Max = lasting(time.Duration(longest * float64(time.Second)))
	if len(ended) >= 5 && longest > 0 {
		slices.Sort(ended)
		y := 120 - int(120*ended[len(ended)/2].Seconds()/longest)
		chart.Marks = []bar{{X: 0, W: chart.Width, Y: y, H: y}}
	}
	if len(runs) > 0 {
		chart.Ticks = []string{c.short(runs[0].Due), c.short(runs[len(runs)-1].Due)}
	}
	return chart
}

// scale brings the highest column to 100, so that short runs are as visible as
// long ones.
func scale(cols []column, highest float64) {
	if highest <= 0 {
		return
	}
	for i := range cols {
		for k := range cols[i].Parts {
			cols[i].Parts[k].N *= 100 / highest
		}
	}
}

func durationLabel(ended []time.Duration) string {
	if len(ended) == 0 {
		return "How long the last runs took: none has ended."
	}
	slices.Sort(ended)
	return fmt.Sprintf("How long the last %s took: half of them up to %s, the longest %s.",
		counted(len(ended), "run"), lasting(ended[len(ended)/2]), lasting(ended[len(ended)-1]))
}

// meter is a bar that is full in part.
type meter struct {
	Used, Total int
	Tone        tone
	Label       string
}

func meterOf(used, total int, label string) meter {
	m := meter{Used: used, Total: total, Tone: good, Label: label}
	switch {
	case total == 0 || used >= total:
		m.Tone = bad
	case used*5 >= total*4:
		m.Tone = late
	}
	return m
}

// Width is how much of 100 units is full.
func (m meter) Width() int {
	if m.Total <= 0 {
		return 0
	}
	return min(100, 100*m.Used/m.Total)
}
