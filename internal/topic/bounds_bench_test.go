package topic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/topic"
)

// BenchmarkCheck: what bounds add to decoding, of the records there are many
// of.
func BenchmarkCheck(b *testing.B) {
	job, err := topic.DecodeJob(read(b, "testdata/v1/job.json"))
	require.NoError(b, err)
	run, err := topic.DecodeRun(read(b, "testdata/v1/run.json"), "cluster-b")
	require.NoError(b, err)
	event, err := topic.DecodeEvent(read(b, "testdata/v1/event-finished.json"))
	require.NoError(b, err)
	beat, err := topic.DecodeBeat(read(b, "testdata/v1/beat-worker.json"))
	require.NoError(b, err)
	for name, record := range map[string]any{"job": &job, "run": &run, "event": &event, "beat": &beat} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if topic.Check(record) != nil {
					b.Fatal("beyond its bounds")
				}
			}
		})
	}
}
