package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/run"
)

// requireHarmless checks that a terminal obeys nothing in text but line ends
// and tabs.
func requireHarmless(t require.TestingT, text string) {
	require.True(t, utf8.ValidString(text), "%q", text)
	at := strings.IndexFunc(text, func(r rune) bool { return obeyed(r) && r != '\n' && r != '\t' })
	require.Negative(t, at, "%q", text)
}

// TestAScreenShowsNothingThatIsObeyed: however bytes are cut into writes, the
// same harmless text comes out.
func TestAScreenShowsNothingThatIsObeyed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.OneOf(
			rapid.SampledFrom([]byte("ab\x1b[\r\n\t\x7f\x9b\xc2\x85\xe2\x80\xae\xff")), rapid.Byte())).Draw(t, "data")
		var whole, cut bytes.Buffer
		one, many := &screen{w: &whole}, &screen{w: &cut}
		_, err := one.Write(data)
		require.NoError(t, err)
		for rest := data; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			written, err := many.Write(rest[:n])
			require.NoError(t, err)
			require.Equal(t, n, written)
			rest = rest[n:]
		}
		requireHarmless(t, whole.String())
		require.Equal(t, whole.String(), cut.String())
	})
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"plain – grün\t日本":             "plain – grün 日本",
		"a\nb\r\nc":                    "a b  c",
		"\x1b[2J\u009b2J\x07\x7f":      `\u001b[2J\u009b2J\u0007\u007f`,
		"\u202euser\u2066\u200f\u061c": `\u202euser\u2066\u200f\u061c`,
		"\u2028\u2029\u0085":           `\u2028\u2029\u0085`,
		"cut \xe2\x80":                 "cut \ufffd\ufffd",
		"kept \ufffd":                  "kept \ufffd",
	} {
		require.Equal(t, want, oneLine(text), "%q", text)
	}
}

// TestJSONSaysTheSameOnAScreen: what is escaped there is what JSON escapes.
func TestJSONSaysTheSameOnAScreen(t *testing.T) {
	var out bytes.Buffer
	s := &session{out: &screen{w: &out}, progress: newProgress(&out, false)}
	text := "a\u202eb\u009b\x1b\x7f\u2028\r\n"
	require.NoError(t, s.asJSON(map[string]string{"text": text}))
	requireHarmless(t, out.String())
	var back map[string]string
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, text, back["text"])
}

// TestWhatRolesWriteIsHarmless: the lines of runs, and the log in both forms.
func TestWhatRolesWriteIsHarmless(t *testing.T) {
	const hostile = "a\x1b[31m\u202e\u009b\nforged"
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		s := &session{out: &screen{w: &out}, json: asJSON}
		l := newLines(s, false)
		l.scheduled(run.Event{Type: run.EventSkipped, Job: hostile, Run: hostile, By: hostile, Reason: hostile, At: time.Now()})
		l.ran(run.Event{Type: run.EventFinished, Job: hostile, Run: hostile, By: hostile, Outcome: &run.Outcome{
			State: hostile, Signal: hostile, Reason: hostile,
		}}, run.Run{})
		log := newLogger(s.out, slog.LevelInfo, asJSON)
		log.Warn("message", "job", hostile, "error", errors.New(hostile))
		requireHarmless(t, out.String())
		require.Equal(t, 3, strings.Count(out.String(), "\n"), out.String())
		require.NotContains(t, out.String(), "\nforged")
	}
}

// TestOutputOfRunsOnATerminal: it is wanted as it is in files and pipes, and on
// a terminal only if it is asked for.
func TestOutputOfRunsOnATerminal(t *testing.T) {
	const colour = "\x1b[31mred\r\n"
	for name, c := range map[string]struct {
		tty, raw bool
		want     string
	}{
		"a pipe":          {want: colour},
		"a terminal":      {tty: true, want: "\\u001b[31mred\n"},
		"a terminal, raw": {tty: true, raw: true, want: colour},
	} {
		t.Run(name, func(t *testing.T) {
			var out, problems bytes.Buffer
			s := &session{
				out: &screen{w: &out}, err: &screen{w: &problems}, rawOut: &out, rawErr: &problems,
				outTTY: c.tty, errTTY: c.tty, progress: newProgress(&problems, false),
			}
			p := &outputPrinter{s: s, raw: c.raw}
			for _, stream := range []string{"stdout", "stderr"} {
				require.NoError(t, p.print(&run.Output{Attempt: 1, Stream: stream, Data: []byte(colour[:1])}))
				require.NoError(t, p.print(&run.Output{Attempt: 1, Stream: stream, Data: []byte(colour[1:])}))
			}
			require.Equal(t, c.want, out.String())
			require.Equal(t, c.want, problems.String())
		})
	}
}
