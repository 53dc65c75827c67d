package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/worker"
)

// flood writes 1 MiB each time it is let go, then ends.
type flood struct {
	began   chan struct{}
	letGo   chan struct{}
	written chan struct{}
}

const floodBytes = 1 << 20

func (f *flood) Run(_ context.Context, _ exec.Command, out exec.Output) run.Outcome {
	o := run.Outcome{State: run.StateSucceeded, StartedAt: time.Now().UTC()}
	f.began <- struct{}{}
	<-f.letGo
	out(exec.Stdout, bytes.Repeat([]byte("x"), floodBytes))
	f.written <- struct{}{}
	<-f.letGo
	out(exec.Stdout, []byte("the end"))
	o.EndedAt = time.Now().UTC()
	return o
}

// TestOutputWithoutKafka has runs write more than is kept while Kafka does
// not answer: they go on, and what is missing is said.
func TestOutputWithoutKafka(t *testing.T) {
	inWorld(t, func(w *world) {
		const n = 36
		f := &flood{began: make(chan struct{}, n), letGo: make(chan struct{}), written: make(chan struct{}, n)}
		stop := w.start(f, func(o *worker.Options) { o.Slots = n })
		runs := map[run.ID]run.Run{}
		for i := range n {
			r := newRun(fmt.Sprintf("flood-%d", i), 0)
			runs[r.ID] = r
			w.stage(r)
		}
		for range n {
			<-f.began
		}
		heal := w.fault(kmsg.Produce.Int16())
		for range n {
			f.letGo <- struct{}{}
			<-f.written
		}
		require.NotZero(t, heal(), "the fault did not land")
		close(f.letGo)

		cutSaid := map[run.ID]int64{}
		var cutInAll int64
		for id, r := range runs {
			outcome := w.awaitEvent(run.EventFinished, r).Outcome
			require.EqualValues(t, floodBytes+len("the end"), outcome.OutputBytes)
			require.Contains(t, outcome.Tail, "the end")
			cutSaid[id] = outcome.OutputCutBytes
			cutInAll += outcome.OutputCutBytes
		}
		require.NotZero(t, cutInAll, "nothing was cut")
		stop()

		written, cut := map[run.ID]int64{}, map[run.ID]int64{}
		for _, value := range w.read(w.names.Output(cluster)) {
			chunk, err := topic.DecodeOutput(value)
			require.NoError(t, err)
			written[chunk.Run] += int64(len(chunk.Data))
			cut[chunk.Run] += chunk.CutBytes
		}
		for id := range runs {
			require.EqualValues(t, floodBytes+len("the end"), written[id]+cut[id])
			require.Equal(t, cutSaid[id], cut[id], "the outcome and the chunks agree")
		}
	})
}
