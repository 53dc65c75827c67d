package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// answer is the option of every command that answers.
type answer struct {
	Output string `short:"o" enum:"table,json" default:"table" env:"BELFRY_OUTPUT" help:"Form of the answer: ${enum}."`
}

// asJSON writes v in Belfry's JSON: durations as whole milliseconds.
func (s *session) asJSON(v any) error {
	s.progress.stop()
	data, err := topic.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	text := jsontext.Value(data)
	if err := text.Indent(); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	_, err = fmt.Fprintln(s.out, string(text))
	return err
}

// table is an answer in columns. Those in soft are the first to be cut.
type table struct {
	head []string
	soft []bool
	rows [][]string
}

// newTable returns a table with these heads. A head that ends in … makes its
// column soft: names and prose, of which a part is better than nothing.
func newTable(head ...string) *table {
	t := &table{}
	for _, h := range head {
		name, soft := strings.CutSuffix(h, "…")
		t.head, t.soft = append(t.head, name), append(t.soft, soft)
	}
	return t
}

func (t *table) add(cells ...string) {
	row := make([]string, 0, len(cells))
	for _, cell := range cells {
		row = append(row, oneLine(cell))
	}
	t.rows = append(t.rows, row)
}

// gap stands between two columns.
const gap = "  "

// write aligns the columns. On a terminal of that width it cuts the widest
// cells with … until the lines fit; width 0 cuts nothing.
func (t *table) write(w io.Writer, width int) error {
	widths := t.widths()
	if width > 0 {
		room := width - len(gap)*(len(widths)-1)
		fit(widths, t.soft, room)
		fit(widths, nil, room)
	}
	var b strings.Builder
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString(gap)
			}
			line.WriteString(pad(cut(cell, widths[i]), widths[i]))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *table) widths() []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// fit takes from the widest of the soft columns (nil: of all) until all fit
// into room; none goes below eight.
func fit(widths []int, soft []bool, room int) {
	total := 0
	for _, w := range widths {
		total += w
	}
	for total > room {
		widest := -1
		for i, w := range widths {
			if w > 8 && (soft == nil || soft[i]) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
		total--
	}
}

func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// table writes t, or says that there is nothing.
func (s *session) table(t *table, nothing string) error {
	s.progress.stop()
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(s.err, nothing)
		return err
	}
	return t.write(s.out, s.width)
}

// when writes an instant for people: local time, to the second.
func when(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

// span writes a duration for people, with about three digits.
func span(d time.Duration) string {
	switch abs := d.Abs(); {
	case abs < time.Second:
		return d.Round(time.Millisecond).String()
	case abs < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// short is how run IDs are shown: enough of it to name a run among many.
func short(id run.ID) string {
	text := []rune(oneLine(string(id)))
	return string(text[:min(len(text), 8)])
}

// exit writes what a command ended with; - if none ran.
func exit(o *run.Outcome) string {
	switch {
	case o == nil || o.StartFailure != "":
		return "-"
	case o.Signal != "":
		return o.Signal
	}
	return fmt.Sprint(o.ExitCode)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
