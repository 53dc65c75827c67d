package worker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// maxOutputBytes bounds the output that waits for Kafka, of all runs; the
	// client's own bound is out of reach.
	maxOutputBytes = 32 << 20
	// outputDelivery is when waiting output is given up.
	outputDelivery = time.Minute
	// outputLinger lets chunks of many runs gather, and is too short to be
	// noticed by who watches one.
	outputLinger = 50 * time.Millisecond
)

func outputLimits() []kgo.Opt {
	return []kgo.Opt{
		kgo.MaxBufferedBytes(2 * maxOutputBytes),
		kgo.RecordDeliveryTimeout(outputDelivery),
		kgo.ProducerLinger(outputLinger),
	}
}

// output writes what one attempt prints. It never waits for Kafka: what does
// not fit the buffer is cut, and a chunk in its place says so.
type output struct {
	w        *worker
	r        run.Run
	seq      int
	missing  int64 // cut since the last chunk that was taken
	cutBytes int64 // cut in all
}

func (w *worker) newOutput(r run.Run) *output { return &output{w: w, r: r} }

// send takes one chunk; the stream calls it from one goroutine at a time. The
// last one is always written, if only to say what is missing.
func (o *output) send(chunk run.Output) {
	room := o.w.outputs.BufferedProduceBytes() <= maxOutputBytes
	if !room {
		n := int64(len(chunk.Data))
		o.missing += n
		o.cutBytes += n
		o.w.metrics.outputCut.Add(float64(n))
	}
	if room && o.missing > 0 || !room && chunk.Last {
		o.produce(run.Output{At: chunk.At, CutBytes: o.missing, Last: !room})
		o.missing = 0
	}
	if room {
		o.produce(chunk)
	}
}

func (o *output) produce(chunk run.Output) {
	chunk.Run, chunk.Attempt, chunk.Fence, chunk.Seq = o.r.ID, o.r.Attempt, o.r.Fence, o.seq
	value, err := topic.EncodeOutput(chunk)
	if err != nil {
		o.w.o.Log.Error("encoding output", "error", err)
		return
	}
	o.seq++
	name, partition := o.w.partitions.ofOutput(string(o.r.ID))
	record := &kgo.Record{Topic: name, Partition: partition, Key: []byte(o.r.ID), Value: value}
	o.w.outputs.TryProduce(context.Background(), record, func(_ *kgo.Record, err error) {
		if err != nil {
			o.w.metrics.outputCut.Add(float64(len(chunk.Data)))
			o.w.metrics.errors.WithLabelValues(whatOutput, string(kafka.Classify(err))).Inc()
		}
	})
}
