package history_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/history"
)

// TestTwoHistoriesAgree says that what a history answers follows from the log
// alone: neither the bounds of batches nor the order between partitions count,
// nor that it was closed and opened at any record.
func TestTwoHistoriesAgree(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		one, another := fresh(t, folder), fresh(t, folder)
		d := open(t, one)
		fold(t, d, l.order(t, "one", 1))
		want := ask(t, d, l)
		require.NoError(t, d.Close())

		d = open(t, another)
		for _, batch := range l.order(t, "another", 20) {
			fold(t, d, [][]history.Record{batch})
			if rapid.IntRange(0, 9).Draw(t, "closed") == 0 {
				require.NoError(t, d.Close())
				d = open(t, another)
			}
		}
		same(t, want, ask(t, d, l))

		// Records that were folded before change nothing.
		fold(t, d, l.order(t, "again", 20))
		same(t, want, ask(t, d, l))
	})
}

// fresh returns the path of a file that is not there.
func fresh(t T, folder string) string {
	own, err := os.MkdirTemp(folder, "")
	require.NoError(t, err)
	return filepath.Join(own, "history.db")
}

// TestHistoryIsTheLedger says that history holds the runs that a ledger makes of
// the same events.
func TestHistoryIsTheLedger(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLog(t)
		d := open(t, fresh(t, folder))
		fold(t, d, l.order(t, "log", 10))
		for name, told := range l.told() {
			for _, want := range told.Runs() {
				for i := range want.Attempts {
					if o := want.Attempts[i].Outcome; o != nil && o.State == "succeeded" {
						o.Tail = ""
					}
				}
				require.Equal(t, want.Job, name)
				got, err := d.Run(context.Background(), string(want.ID))
				require.NoError(t, err)
				same(t, want, got.Run)
			}
		}
	})
}
