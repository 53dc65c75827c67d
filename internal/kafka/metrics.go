package kafka

import (
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"

	"github.com/belfry-cron/belfry/internal/metric"
)

// The kinds of clients.
const (
	kindPlain         = "plain"
	kindTransactional = "transactional"
)

// namespace is what the names of the clients' metrics begin with.
const namespace = "belfry_kafka"

// Metrics are the figures of all Kafka clients of a process together, told apart
// by whether they are transactional. Clients come and go with the shards; their
// figures stay.
type Metrics struct{ plain, transactional *figures }

// figures are those of the clients of one kind. They are kprom's, which takes a
// Metrics for one client's: its series go when the client is closed, and what is
// buffered it asks its one client.
type figures struct {
	*kprom.Metrics
	mu     sync.Mutex
	living map[*kgo.Client]bool
}

var (
	_ kgo.HookNewClient    = (*figures)(nil)
	_ kgo.HookClientClosed = (*figures)(nil)
	_ kgo.HookBrokerE2E    = (*figures)(nil)
)

// NewMetrics registers the figures of clients with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{plain: newFigures(reg, kindPlain), transactional: newFigures(reg, kindTransactional)}
}

// ClientMetrics describes what a process shows of its clients.
func ClientMetrics() ([]metric.Desc, error) {
	reg := prometheus.NewRegistry()
	NewMetrics(reg)
	families, err := reg.Gather()
	if err != nil {
		return nil, err
	}
	client := []metric.Label{metric.OneOf("client", kindPlain, kindTransactional)}
	all := make([]metric.Desc, 0, len(families))
	for _, f := range families {
		buckets := 0
		if h := f.GetMetric()[0].GetHistogram(); h != nil {
			buckets = len(h.GetBucket())
		}
		d := metric.Family(f.GetName(), f.GetHelp()+".", metric.Kind(strings.ToLower(f.GetType().String())), buckets)
		d.Signal, d.Labels = signalOf(d.Name), client
		all = append(all, d)
	}
	return all, nil
}

// signalOf sorts a client's metric by its name.
func signalOf(name string) metric.Signal {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(name, part) })
	}
	switch {
	case has("errors"):
		return metric.Errors
	case has("buffered", "throttled", "_clients"):
		return metric.Saturation
	case has("seconds"):
		return metric.Latency
	}
	return metric.Traffic
}

func newFigures(reg prometheus.Registerer, kind string) *figures {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"client": kind}, reg)
	f := &figures{living: map[*kgo.Client]bool{}}
	f.Metrics = kprom.NewMetrics(namespace,
		kprom.Registerer(prepared{reg}), kprom.BrokerLabels(),
		kprom.FetchAndProduceDetail(kprom.Batches, kprom.Records, kprom.CompressedBytes, kprom.UncompressedBytes, kprom.ConsistentNaming),
		kprom.Histograms(kprom.ReadWait, kprom.WriteWait, kprom.RequestDurationE2E, kprom.RequestThrottled))
	f.Metrics.OnNewClient(nil) // makes the collectors; the client only for what prepared leaves out
	k := metric.NewMaker(reg)
	k.GaugeFunc(metric.Saturation, namespace+"_clients", "Clients that are open.", func() float64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		return float64(len(f.living))
	})
	k.GaugeFunc(metric.Saturation, namespace+"_buffered_produce_records", "Records that wait to be written to Kafka.",
		func() float64 { return f.sum((*kgo.Client).BufferedProduceRecords) })
	k.GaugeFunc(metric.Saturation, namespace+"_buffered_fetch_records", "Records read from Kafka and not taken yet.",
		func() float64 { return f.sum((*kgo.Client).BufferedFetchRecords) })
	return f
}

// OnNewClient implements kgo.HookNewClient.
func (f *figures) OnNewClient(cl *kgo.Client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.living[cl] = true
}

// OnClientClosed implements kgo.HookClientClosed. What was counted stays.
func (f *figures) OnClientClosed(cl *kgo.Client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.living, cl)
}

func (f *figures) sum(of func(*kgo.Client) int64) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sum int64
	for cl := range f.living {
		sum += of(cl)
	}
	return float64(sum)
}

// prepared registers kprom's collectors: all series are there from the start, and
// those are left out that ask a single client what it has buffered, or that
// nothing is put into.
type prepared struct{ prometheus.Registerer }

// MustRegister implements prometheus.Registerer.
func (p prepared) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		if err := p.Register(c); err != nil {
			panic(err)
		}
	}
}

// Register implements prometheus.Registerer.
func (p prepared) Register(c prometheus.Collector) error {
	switch c := c.(type) {
	case *prometheus.CounterVec:
		c.WithLabelValues()
	case *prometheus.HistogramVec:
		if unused(c) {
			return nil
		}
		c.WithLabelValues()
	case prometheus.GaugeFunc:
		return nil
	}
	return p.Registerer.Register(c)
}

// unused reports whether kprom is not told to fill the histogram.
func unused(c prometheus.Collector) bool {
	descs := make(chan *prometheus.Desc, 1)
	c.Describe(descs)
	name := (<-descs).String()
	return strings.Contains(name, "write_time_seconds") || strings.Contains(name, "read_time_seconds")
}

// hook is what counts for the clients of a kind.
func (m *Metrics) hook(transactional bool) kgo.Hook {
	if transactional {
		return m.transactional
	}
	return m.plain
}
