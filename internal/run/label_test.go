package run_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// constants returns the values of the constants in a file whose names begin
// with prefix.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		values = append(values, value)
		return true
	})
	require.Greater(t, len(values), 3)
	return values
}

// TestLabelsAreOfAFixedSet: every value of ours is its own label, and nothing
// a record can hold makes another.
func TestLabelsAreOfAFixedSet(t *testing.T) {
	reasons := constants(t, "event.go", "Reason")
	require.ElementsMatch(t, reasons, run.Reasons())
	for _, reason := range reasons {
		require.Equal(t, reason, run.ReasonLabel(reason))
	}
	require.Equal(t, "calendar", run.ReasonLabel(job.ReasonCalendar+"holidays"))
	require.Equal(t, "blackout", run.ReasonLabel(job.ReasonBlackout+"release"))
	for _, trigger := range constants(t, "run.go", "Trigger") {
		require.Equal(t, trigger, run.Trigger(trigger).Label())
	}
	for _, state := range constants(t, "run.go", "State") {
		require.Equal(t, state, run.State(state).Label())
	}
	labels := []string{run.ReasonLabel(job.ReasonCalendar + "a"), run.ReasonLabel(job.ReasonBlackout + "b"), run.LabelOther}
	require.ElementsMatch(t, append(labels, reasons...), run.ReasonLabels())
	for _, trigger := range run.TriggerLabels() {
		require.Equal(t, string(trigger), trigger.Label())
	}
	for _, state := range run.EndLabels() {
		require.Equal(t, string(state), state.Label())
		require.True(t, state.Final() || state == run.LabelOther)
	}
	for _, made := range []string{"", "calendars", "made up", "a\xffb", "overlap "} {
		require.Equal(t, run.LabelOther, run.ReasonLabel(made))
		require.Equal(t, run.LabelOther, run.Trigger(made).Label())
		require.Equal(t, run.LabelOther, run.State(made).Label())
	}
}
