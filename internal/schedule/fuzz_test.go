package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// FuzzParse: an error that points into the text, or a schedule that names
// due times and survives its own canonical form.
func FuzzParse(f *testing.F) {
	for _, expr := range seeds() {
		f.Add(expr, false, "backup")
		f.Add(expr, true, "")
	}
	f.Fuzz(checkParse)
}

func seeds() []string {
	return []string{
		"* * * * *", "*/5 0-23/2 1,15 jan-mar mon#2", "0 0 LW,L-3,15W * 5L", "H(0-29)/10 H ~ * 1~5", "0 0 ? * ?",
		"@daily", "@every 1h30m", "@at 2026-12-31T23:00:00Z", "@reboot", "*/10 * * * * *", "0 0 29 2 1",
		"0 0/15 8 ? * 2-6 *", "cron(0 10 * * ? *)", "rate(5 minutes)", "Mon..Fri *-*-* 10:00:00", "CRON_TZ=UTC * * * * *",
	}
}

func checkParse(t *testing.T, expr string, seconds bool, key string) {
	o := Options{Seconds: seconds, Key: key}
	s, err := Parse(expr, o)
	if err != nil {
		var e *Error
		require.ErrorAs(t, err, &e)
		require.True(t, e.Pos >= 0 && e.Len >= 0 && e.Pos+e.Len <= len(expr), "%q: %d+%d", expr, e.Pos, e.Len)
		require.NotEmpty(t, e.Msg)
		require.NotContains(t, e.Error(), "\n")
		return
	}
	again, err := Parse(s.String(), o)
	require.NoError(t, err, "%q became %q", expr, s.String())
	require.Equal(t, s, again)
	require.NotEmpty(t, s.Describe())
	from := time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)
	next, ok := s.Next(from)
	if s.kind != kindAt {
		require.True(t, ok)
	}
	if ok {
		require.True(t, next.After(from))
	}
}

// TestMutatedExpressions runs the same check over ten thousand damaged
// expressions.
func TestMutatedExpressions(t *testing.T) {
	const letters = "*/,-?~#()HLW@0123456789 monjaevryst:.="
	rapid.Check(t, func(rt *rapid.T) {
		for range 100 {
			text := []byte(rapid.SampledFrom(seeds()).Draw(rt, "seed"))
			for range rapid.IntRange(1, 4).Draw(rt, "edits") {
				at := rapid.IntRange(0, max(0, len(text)-1)).Draw(rt, "at")
				letter := letters[rapid.IntRange(0, len(letters)-1).Draw(rt, "letter")]
				switch {
				case len(text) == 0 || rapid.Bool().Draw(rt, "insert"):
					text = append(text[:at:at], append([]byte{letter}, text[at:]...)...)
				case rapid.Bool().Draw(rt, "delete"):
					text = append(text[:at:at], text[at+1:]...)
				default:
					text[at] = letter
				}
			}
			checkParse(t, string(text), rapid.Bool().Draw(rt, "seconds"), "key")
		}
	})
}

// TestLongInput: the work is bounded by the length that is accepted.
func TestLongInput(t *testing.T) {
	for _, expr := range []string{strings.Repeat("* ", 1<<20), strings.Repeat("0", 1<<20), strings.Repeat("1,", 500) + "1 * * * *"} {
		checkParse(t, expr, false, "")
	}
}
