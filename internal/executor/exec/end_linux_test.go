package exec

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// A worker frozen while its command ended must not take that end for the work
// of the kill it was told of when it thawed.
func TestACommandThatEndedIsNotTerminated(t *testing.T) {
	host, err := os.StartProcess("/bin/sh", []string{"sh", "-c", "exit 0"}, &os.ProcAttr{})
	require.NoError(t, err)
	_, err = awaitEnd(host) // leaves it unreaped
	require.NoError(t, err)
	c := &directChild{host: host}
	c.Terminate()
	require.False(t, c.stopping)
	state, err := host.Wait()
	require.NoError(t, err)
	require.Zero(t, state.ExitCode())
}

func TestACommandThatRunsHasNotEnded(t *testing.T) {
	host, err := os.StartProcess("/bin/sleep", []string{"sleep", "60"}, &os.ProcAttr{})
	require.NoError(t, err)
	require.False(t, hasEnded(host))
	require.NoError(t, host.Kill())
	_, err = host.Wait()
	require.NoError(t, err)
	require.True(t, hasEnded(host))
}
