package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// session is what every command gets: where its answer goes, where to
// complain, and how wide the paper is.
type session struct {
	// out and err are screens; rawOut and rawErr take every byte as it is.
	out, err       io.Writer
	rawOut, rawErr io.Writer

	log            *slog.Logger
	level          slog.Level
	json           bool // the log is JSON
	outTTY, errTTY bool
	width          int // of the terminal out is; 0 if it is none
	progress       *progress
}

func newSession(g *grammar, stdout, stderr io.Writer) *session {
	s := &session{out: &screen{w: stdout}, err: &screen{w: stderr}, rawOut: stdout, rawErr: stderr}
	s.outTTY, s.width = terminal(stdout)
	s.errTTY, _ = terminal(stderr)
	s.json = g.LogFormat == "json" || g.LogFormat == "auto" && !s.errTTY
	if err := s.level.UnmarshalText([]byte(g.LogLevel)); err != nil {
		s.level = slog.LevelInfo
	}
	s.log = newLogger(s.err, s.level, s.json)
	s.progress = newProgress(stderr, s.errTTY)
	return s
}

// quietLog is for commands that answer and go: they return what went wrong,
// and what happens underneath is shown only to who asks for debug.
func (s *session) quietLog() *slog.Logger {
	if s.level <= slog.LevelDebug {
		return s.log
	}
	return slog.New(slog.DiscardHandler)
}

// terminal reports whether w is a terminal, and how wide it is.
func terminal(w io.Writer) (bool, int) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		width = 80
	}
	return true, width
}

func (s *session) printf(format string, args ...any) {
	s.progress.stop()
	_, _ = fmt.Fprintf(s.out, format, flat(args)...)
}

// verbatim are where foreign bytes go that are wanted as they are: to files
// and pipes, and to a terminal only if raw is asked for.
func (s *session) verbatim(raw bool) (out, err io.Writer) {
	out, err = s.rawOut, s.rawErr
	if s.outTTY && !raw {
		out = s.out
	}
	if s.errTTY && !raw {
		err = s.err
	}
	return out, err
}

// note tells the user something beside the answer.
func (s *session) note(format string, args ...any) {
	s.progress.stop()
	_, _ = fmt.Fprintf(s.err, "belfry: "+format+"\n", flat(args)...)
}

// progress shows, on a terminal, what a command is doing once it takes longer
// than a second. The zero of silence costs nothing: nothing is drawn before.
type progress struct {
	w io.Writer

	mu      sync.Mutex
	doing   string
	records int
	since   time.Time
	done    chan struct{}
	shown   bool
}

func newProgress(w io.Writer, tty bool) *progress {
	p := &progress{w: w, since: time.Now(), done: make(chan struct{})}
	if tty {
		go p.draw()
	}
	return p
}

// say names what is being done now.
func (p *progress) say(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing, p.records = oneLine(doing), 0
}

// count adds a record read.
func (p *progress) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records++
}

func (p *progress) draw() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-tick.C:
			p.line()
		}
	}
}

func (p *progress) line() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return
	default:
	}
	if waited := time.Since(p.since); p.doing != "" && waited > time.Second {
		p.shown = true
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s … %d records, %.0f s", p.doing, p.records, waited.Seconds())
	}
}

// stop wipes the line; nothing is drawn any more. It may be called again.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return
	default:
		close(p.done)
	}
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}
