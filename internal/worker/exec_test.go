//go:build !synctests

package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

func TestRealCommand(t *testing.T) {
	inWorld(t, func(w *world) {
		stop := w.start(nil, nil)
		r := newRun("real", 0)
		r.Command = []string{"/bin/sh", "-c", `echo "$BELFRY_JOB $GREETING"; exit 3`}
		r.Env = map[string]string{"GREETING": "hello"}
		w.stage(r)
		outcome := w.awaitEvent(run.EventFinished, r).Outcome
		stop()
		require.Equal(t, run.StateFailed, outcome.State)
		require.Equal(t, 3, outcome.ExitCode)
		require.Equal(t, "real hello\n", outcome.Tail)
		require.EqualValues(t, len("real hello\n"), outcome.OutputBytes)

		var written []byte
		for _, value := range w.read(w.names.Output(cluster)) {
			chunk, err := topic.DecodeOutput(value)
			require.NoError(t, err)
			written = append(written, chunk.Data...)
		}
		require.Equal(t, "real hello\n", string(written))
	})
}
