package history_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/history"
)

// victim names the file that a process of this test folds the log into.
const victim = "BELFRY_TEST_HISTORY_VICTIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(victim); path != "" {
		if err := foldToDeath(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// victims is the log of the test, and how it is cut: the same in all processes.
func victims() ([][]history.Record, *log) {
	type cut struct {
		log     *log
		batches [][]history.Record
	}
	c := rapid.Custom(func(t *rapid.T) cut {
		l := drawLogOf(t, 300, 300)
		return cut{l, l.order(t, "cut", 8)}
	}).Example(7)
	return c.batches, c.log
}

// foldToDeath folds, and says so of each batch.
func foldToDeath(path string) error {
	d, err := history.Open(context.Background(), history.Options{Path: path, Shards: shards})
	if err != nil {
		return err
	}
	batches, _ := victims()
	for _, batch := range batches {
		if _, err := d.Fold(context.Background(), batch); err != nil {
			return err
		}
		fmt.Println("folded")
	}
	return d.Close()
}

// TestKilledWhileFolding kills a process that folds, again and again, at once
// after it said that it has folded some batches: while it folds the next. What is
// left, and folded on, answers as one that nobody disturbed.
func TestKilledWhileFolding(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	batches, l := victims()
	undisturbed := open(t, fresh(t, t.TempDir()))
	fold(t, undisturbed, batches)
	want := ask(t, undisturbed, l)

	for _, deaths := range [][]int{{1}, {3, 1, 17}, {len(batches) / 2, 2, 2, 2, 2}} {
		path := filepath.Join(t.TempDir(), "history.db")
		for _, after := range deaths {
			process := exec.Command(self)
			process.Env = append(os.Environ(), victim+"="+path)
			out, err := process.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, process.Start())
			lines := bufio.NewScanner(out)
			for range after {
				require.True(t, lines.Scan(), lines.Err())
				require.Equal(t, "folded", lines.Text())
			}
			require.NoError(t, process.Process.Kill())
			require.Error(t, process.Wait())
		}
		d := open(t, path)
		offsets, err := d.Offsets(context.Background())
		require.NoError(t, err)
		require.NotEmpty(t, offsets)
		fold(t, d, batches)
		same(t, want, ask(t, d, l))
	}
}
