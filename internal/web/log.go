package web

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/web/terminal"
)

// logLine is a line of a log. HTML comes from package terminal.
type logLine struct {
	Class string // "e" of stderr, "c" of the rest of a line, "note-line" of what Belfry says
	HTML  template.HTML
}

// logRenderer makes lines of the chunks that a run writes.
type logRenderer struct {
	attempt int
	streams map[string]*terminal.Renderer
}

func newLogRenderer() *logRenderer {
	return &logRenderer{streams: map[string]*terminal.Renderer{}}
}

// add takes in a chunk and returns the lines that ended in it.
func (l *logRenderer) add(o run.Output) []logLine {
	var out []logLine
	if o.Attempt != l.attempt {
		out = append(out, l.flush()...)
		if l.attempt != 0 || o.Attempt > 1 {
			out = append(out, said(fmt.Sprintf("attempt %d", o.Attempt)))
		}
		l.attempt = o.Attempt
		clear(l.streams)
	}
	if o.CutBytes > 0 {
		out = append(out, l.flush()...)
		out = append(out, said(size(o.CutBytes)+" are left out here: the command wrote more than is kept"))
	}
	if len(o.Data) > 0 {
		out = append(out, linesOf(o.Stream, l.stream(o.Stream).Write(o.Data))...)
	}
	if o.Last {
		out = append(out, l.flush()...)
	}
	return out
}

// flush returns the lines that have no end yet.
func (l *logRenderer) flush() []logLine {
	var out []logLine
	for _, name := range []string{"stdout", "stderr"} {
		if r := l.streams[name]; r != nil {
			if line, ok := r.Flush(); ok {
				out = append(out, linesOf(name, []terminal.Line{line})...)
			}
		}
	}
	return out
}

// stream returns the renderer of a stream. There are two; all others are taken
// for the first.
func (l *logRenderer) stream(name string) *terminal.Renderer {
	if name != "stderr" {
		name = "stdout"
	}
	if l.streams[name] == nil {
		l.streams[name] = &terminal.Renderer{}
	}
	return l.streams[name]
}

func linesOf(stream string, lines []terminal.Line) []logLine {
	out := make([]logLine, 0, len(lines))
	for _, line := range lines {
		var classes []string
		if stream == "stderr" {
			classes = append(classes, "e")
		}
		if line.Continues {
			classes = append(classes, "c")
		}
		out = append(out, logLine{Class: strings.Join(classes, " "), HTML: template.HTML(line.HTML)})
	}
	return out
}

func said(text string) logLine {
	return logLine{Class: "note-line", HTML: template.HTML(template.HTMLEscapeString(text))}
}

// renderTail renders what history keeps of a run's output.
func renderTail(t history.Tail) []logLine {
	r := newLogRenderer()
	var out []logLine
	for _, chunk := range t.Chunks {
		out = append(out, r.add(chunk)...)
	}
	return append(out, r.flush()...)
}

// markup is lines as they stand in a page, without any line break.
func markup(lines []logLine) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString("<div")
		if line.Class != "" {
			b.WriteString(` class="` + line.Class + `"`)
		}
		b.WriteString("><span>" + string(line.HTML) + "</span></div>")
	}
	return b.String()
}
