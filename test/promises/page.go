package main

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// row is a row of the page's table: promise, its words, the command that
// proves it, the last figure and its date. A long proof's command is followed
// by "(long)".
type row struct {
	cells            []string
	promise, command string
	long             bool
}

// parse reads a line of the page, which is a row if it begins with a
// promise's number.
func parse(line string) (row, bool) {
	cells := strings.Split(line, " | ")
	if len(cells) != 5 || !strings.HasPrefix(line, "| P") {
		return row{}, false
	}
	_, rest, ok := strings.Cut(cells[2], "`")
	command, after, closed := strings.Cut(rest, "`")
	return row{
		cells: cells, promise: strings.TrimPrefix(cells[0], "| "),
		// In a table, a bar within a cell is escaped.
		command: strings.ReplaceAll(command, `\|`, "|"), long: strings.Contains(after, "(long)"),
	}, ok && closed
}

// with returns the row's line with another figure and date.
func (r row) with(figure string, at time.Time) string {
	cells := append(r.cells[:3:3], strings.ReplaceAll(figure, "|", `\|`), at.UTC().Format("2 January 2006")+" |")
	return strings.Join(cells, " | ")
}

// figure finds the figures in a proof's output, in the order of their first
// lines. Those that differ in their whole numbers only are added up.
func figure(output string) string {
	number := regexp.MustCompile(`\d+`)
	var order []string
	sums := map[string][]int{}
	for line := range strings.Lines(output) {
		_, text, ok := strings.Cut(strings.TrimSpace(line), "figure: ")
		if !ok {
			continue
		}
		words := number.ReplaceAllString(text, "#")
		if sums[words] == nil {
			order = append(order, words)
			sums[words] = make([]int, strings.Count(words, "#"))
		}
		for i, digits := range number.FindAllString(text, -1) {
			n, err := strconv.Atoi(digits)
			if err != nil {
				return ""
			}
			sums[words][i] += n
		}
	}
	for i, words := range order {
		for _, n := range sums[words] {
			words = strings.Replace(words, "#", strconv.Itoa(n), 1)
		}
		order[i] = words
	}
	return strings.Join(order, "; ")
}
