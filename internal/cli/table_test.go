package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTable(t *testing.T) {
	table := newTable("JOB", "WHY")
	table.add("backup", "an earlier run had\nnot ended")
	table.add("ö", "-")
	var b strings.Builder
	require.NoError(t, table.write(&b, 0))
	require.Equal(t, "JOB     WHY\nbackup  an earlier run had not ended\nö       -\n", b.String())

	b.Reset()
	require.NoError(t, table.write(&b, 24))
	require.Equal(t, "JOB     WHY\nbackup  an earlier run …\nö       -\n", b.String())
}

// TestSoftColumnsAreCutFirst: half a date says less than half a sentence.
func TestSoftColumnsAreCutFirst(t *testing.T) {
	table := newTable("DUE", "WHY…")
	table.add("2026-11-21 12:14:05", "the job was paused")
	var b strings.Builder
	require.NoError(t, table.write(&b, 33))
	require.Equal(t, "DUE                  WHY\n2026-11-21 12:14:05  the job was…\n", b.String())
	b.Reset()
	require.NoError(t, table.write(&b, 20))
	require.Equal(t, "DUE         WHY\n2026-11-2…  the job…\n", b.String())
}

// TestTableFits says that no line is wider than the terminal unless even the
// narrowest columns do not fit.
func TestTableFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 6).Draw(t, "columns")
		cell := rapid.SliceOfN(rapid.StringN(0, 60, -1), columns, columns)
		table := newTable(cell.Draw(t, "head")...)
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			table.add(cell.Draw(t, "row")...)
		}
		width := rapid.IntRange(10*columns, 200).Draw(t, "width")
		var b strings.Builder
		require.NoError(t, table.write(&b, width))
		for line := range strings.Lines(b.String()) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width)
		}
	})
}

func TestNumbers(t *testing.T) {
	for want, ns := range map[string][]int32{
		"": nil, "4": {4}, "0-7": {7, 6, 5, 4, 3, 2, 1, 0}, "0-2,5,7-8": {0, 1, 2, 5, 7, 8},
	} {
		require.Equal(t, want, numbers(ns))
	}
}

func TestParseTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	now := time.Date(2026, 7, 1, 23, 30, 0, 0, time.UTC) // 2 July in Berlin
	for text, want := range map[string]string{
		"2026-03-29T03:00:00Z": "2026-03-29T03:00:00Z",
		"2026-03-29 03:00":     "2026-03-29T01:00:00Z",
		"2026-01-02T03:04:05":  "2026-01-02T02:04:05Z",
		"03:00":                "2026-07-02T01:00:00Z",
		"03:00:30":             "2026-07-02T01:00:30Z",
	} {
		at, err := parseTime(text, berlin, now)
		require.NoError(t, err, text)
		require.Equal(t, want, at.UTC().Format(time.RFC3339), text)
	}
	_, err = parseTime("yesterday", berlin, now)
	require.ErrorContains(t, err, `"yesterday" is no time`)
}

func TestSpanAndRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Microsecond: "1ms", 1234 * time.Millisecond: "1.23s", -3 * time.Millisecond: "-3ms",
		61234 * time.Millisecond: "1m1s",
	} {
		require.Equal(t, want, span(d))
	}
	for d, want := range map[time.Duration]string{
		9 * time.Second: "9s", 90 * time.Second: "1m30s", 3700 * time.Second: "1h01m", 49 * time.Hour: "2d1h",
	} {
		require.Equal(t, want, roughly(d))
	}
}
