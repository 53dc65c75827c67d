package site

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/sim/check"
)

func TestACommandsNotesAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	before := time.Now()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", Note+"note start; note end 3")
	cmd.Env = []string{"JOURNAL=" + path, "BELFRY_JOB=j", "BELFRY_RUN_ID=r", "BELFRY_ATTEMPT=2", "BELFRY_FENCE=7"}
	require.NoError(t, cmd.Run())
	after := time.Now()

	lines, err := Journal(path, map[int]string{os.Getpid(): "worker-1"})
	require.NoError(t, err)
	require.Len(t, lines, 2)
	// The clock of /proc/uptime ticks every 10 ms.
	require.WithinRange(t, lines[0].At, before.Add(-30*time.Millisecond), after.Add(30*time.Millisecond))
	want := check.Line{Word: check.WordStart, Job: "j", Run: "r", Attempt: 2, Fence: 7, Host: "worker-1", At: lines[0].At}
	require.Equal(t, want, lines[0])
	require.Equal(t, check.WordEnd, lines[1].Word)
	require.Equal(t, 3, lines[1].Exit)
}

func TestALineThatIsNoNoteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.WriteFile(path, []byte("start j r 1 7 42 12.34 0\nstart j r 1\n"), 0o600))
	_, err := Journal(path, nil)
	require.ErrorContains(t, err, "line 2")
}
