package broker

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkProduce is a client that sends records of 1 kB as fast as they are
// acknowledged.
func BenchmarkProduce(b *testing.B) {
	br := start(b, Options{Dir: b.TempDir()})
	cl := client(b, br)
	create(b, cl, "x", 1, nil)
	value := make([]byte, 1000)
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		cl.Produce(b.Context(), &kgo.Record{Topic: "x", Value: value}, nil)
	}
	require.NoError(b, cl.Flush(b.Context()))
}
