package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The plot's size and margins, in SVG's pixels.
const (
	plotWidth, plotHeight = 1100.0, 420.0
	plotLeft, plotTop     = 60.0, 30.0
	plotRight, plotBottom = 10.0, 40.0
	// The lateness axis is logarithmic, from 10 ms, the finest that commands
	// can tell, to 100 s.
	leastLate, mostLate = 0.01, 100.0
)

// plot is the lateness of each second, and what was done meanwhile, as
// coordinates.
type plot struct {
	Width, Height            float64
	Left, Right, Top, Bottom float64 // of the axes
	Median, P99, Worst       string  // points of a polyline
	Bands                    []band
	Lines                    []line // of the lateness axis
	Ticks                    []line // of the time axis
	Marks                    []line
}

// band is a fault; line a labelled line across the plot.
type band struct {
	X, Width float64
	Name     string
	Landed   bool
}

type line struct {
	At    float64
	Label string
}

func plotOf(f figures, starts []start) plot {
	p := plot{
		Width: plotWidth, Height: plotHeight,
		Left: plotLeft, Right: plotWidth - plotRight, Top: plotTop, Bottom: plotHeight - plotBottom,
	}
	x := func(t time.Time) float64 {
		return round(p.Left + (p.Right-p.Left)*t.Sub(f.Began).Seconds()/max(1, f.Seconds))
	}
	y := func(late float64) float64 {
		share := math.Log10(min(max(late, leastLate), mostLate)/leastLate) / math.Log10(mostLate/leastLate)
		return round(p.Bottom - (p.Bottom-p.Top)*share)
	}
	var median, high, worst strings.Builder
	for s := range int(f.Seconds) {
		at := f.Began.Add(time.Duration(s) * time.Second)
		l := between(starts, at, at.Add(time.Second))
		if l.Starts == 0 {
			continue
		}
		fmt.Fprintf(&median, "%g,%g ", x(at), y(l.P50))
		fmt.Fprintf(&high, "%g,%g ", x(at), y(l.P99))
		fmt.Fprintf(&worst, "%g,%g ", x(at), y(l.Worst))
	}
	p.Median, p.P99, p.Worst = median.String(), high.String(), worst.String()
	for _, ph := range f.Phases {
		if ph.Fault {
			p.Bands = append(p.Bands, band{X: x(ph.From), Width: round(x(ph.Until) - x(ph.From)), Name: ph.Name, Landed: ph.landed})
		}
	}
	for late, label := range map[float64]string{0.01: "10 ms", 0.1: "100 ms", 1: "1 s", 10: "10 s", 100: "100 s"} {
		p.Lines = append(p.Lines, line{y(late), label})
	}
	step := max(10, math.Ceil(f.Seconds/120)*10)
	for s := 0.0; s <= f.Seconds; s += step {
		p.Ticks = append(p.Ticks, line{x(f.Began.Add(time.Duration(s) * time.Second)), fmt.Sprintf("%g s", s)})
	}
	for _, m := range f.Marks {
		if !m.At.Before(f.Began) && m.At.Sub(f.Began).Seconds() <= f.Seconds {
			p.Marks = append(p.Marks, line{x(m.At), m.What})
		}
	}
	return p
}

func round(v float64) float64 { return math.Round(v*10) / 10 }
