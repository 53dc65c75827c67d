package web

import (
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
)

// The cells of a heat map, and the room for what is written beside them.
const (
	cellSize   = 18
	cellStep   = 20
	rowRoom    = 62
	columnRoom = 16
)

// heat is a heat map: rows of cells.
type heat struct {
	Width, Height int
	Cells         []bar
	Rings         []bar // around cells that are special
	Rows, Columns []heatLabel
	Label         string
}

// heatLabel is a text beside a heat map.
type heatLabel struct {
	X, Y int
	Text string
}

// newHeat makes an empty map of so many rows and columns.
func newHeat(rows, columns int, label string) heat {
	return heat{Width: rowRoom + columns*cellStep, Height: columnRoom + rows*cellStep, Label: label}
}

func (h *heat) row(i int, text string) {
	h.Rows = append(h.Rows, heatLabel{0, columnRoom + i*cellStep + 13, text})
}

func (h *heat) column(i int, text string) {
	h.Columns = append(h.Columns, heatLabel{rowRoom + i*cellStep, 11, text})
}

func (h *heat) cell(row, column int, class, title, href string) {
	h.Cells = append(h.Cells, bar{X: rowRoom + column*cellStep, Y: columnRoom + row*cellStep, W: cellSize, H: cellSize, Class: class, Title: title, Href: href})
}

func (h *heat) ring(row, column int, class string) {
	h.Rings = append(h.Rings, bar{X: rowRoom + column*cellStep, Y: columnRoom + row*cellStep, W: cellSize, H: cellSize, Class: class})
}

// level is one of five shades for n of at most highest.
func level(n, highest int) int {
	switch {
	case n == 0:
		return 0
	case highest <= 4:
		return min(4, n)
	}
	return 1 + min(3, 4*(n-1)/highest)
}

// hourClass is the shade of an hour that is over.
func hourClass(h history.Hour, highest int) string {
	switch {
	case h.Failed > 0:
		return "hb"
	case h.Ran > 0:
		return fmt.Sprintf("h%d", level(h.Ran, highest))
	case h.Skipped > 0:
		return "hs"
	}
	return "h0"
}

func hourTitle(h history.Hour, c clock) string {
	at := h.At.In(c.zone)
	title := fmt.Sprintf("%s–%s: %s ran", at.Format("Mon 2 Jan 15:04"), at.Add(time.Hour).Format("15:04"), grouped(h.Ran))
	if h.Failed > 0 {
		title += fmt.Sprintf(", %d failed", h.Failed)
	}
	if h.Skipped > 0 {
		title += fmt.Sprintf(", %d skipped", h.Skipped)
	}
	return title
}

// mostRan is the most runs of an hour.
func mostRan(days []history.Day) int {
	highest := 0
	for _, d := range days {
		for _, h := range d.Hours {
			highest = max(highest, h.Ran)
		}
	}
	return highest
}

// pastGrid has a row for each day and a cell for each hour of what ran. An hour
// that the clock shows twice has a cell of its own.
func pastGrid(days []history.Day, c clock) heat {
	var ran, failures int
	columns := 24
	for _, d := range days {
		columns = max(columns, len(d.Hours))
		for _, h := range d.Hours {
			ran, failures = ran+h.Ran, failures+h.Failed
		}
	}
	g := newHeat(len(days), columns, fmt.Sprintf("Runs in each hour of the last %d days: %s, %d failed.", len(days), grouped(ran), failures))
	highest := mostRan(days)
	for hour := 0; hour < 24; hour += 3 {
		g.column(hour, fmt.Sprintf("%02d", hour))
	}
	for i, d := range days {
		if date, err := time.Parse(time.DateOnly, d.Date); err == nil {
			g.row(i, date.Format("Mon 2"))
		}
		for k, h := range d.Hours {
			if h.At.After(c.now) {
				break
			}
			g.cell(i, k, hourClass(h, highest), hourTitle(h, c), "")
		}
	}
	return g
}
