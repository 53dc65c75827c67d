package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThePageNamesItsProofs(t *testing.T) {
	text, err := os.ReadFile("../../docs/promises.md")
	require.NoError(t, err)
	cheap, long := 0, 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| P") {
			continue
		}
		r, ok := parse(strings.TrimSuffix(line, "\n"))
		require.True(t, ok, line)
		require.NotEmpty(t, r.command, line)
		if r.long {
			long++
		} else {
			cheap++
		}
	}
	require.GreaterOrEqual(t, cheap, 8)
	require.GreaterOrEqual(t, long, 2)
}

func TestARowIsRewritten(t *testing.T) {
	r, ok := parse("| P3 | all is well | `go test -run 'A\\|B' .` (long) | old | 1 May 2026 |")
	require.True(t, ok)
	require.Equal(t, row{cells: r.cells, promise: "P3", command: "go test -run 'A|B' .", long: true}, r)
	require.Equal(t, "| P3 | all is well | `go test -run 'A\\|B' .` (long) | 12 of 12 | 21 November 2026 |",
		r.with("12 of 12", time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)))
	_, ok = parse("| promise | proved by |")
	require.False(t, ok)
}

func TestFiguresOfOneKindAreAddedUp(t *testing.T) {
	require.Equal(t, "of 1100 due times 1099 ran once; 5 s", figure(`
=== RUN   TestA
    a_test.go:3: figure: of 1000 due times 999 ran once
    a_test.go:9: figure: 5 s
    b_test.go:3: figure: of 100 due times 100 ran once
`))
	require.Empty(t, figure("ok"))
}
