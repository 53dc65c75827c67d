package metric

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The native form of histograms: buckets that are a tenth apart, at most so
// many of them, and made anew at most once an hour when there are too many.
const (
	nativeFactor   = 1.1
	nativeBuckets  = 100
	nativeMinReset = time.Hour
)

// Maker makes metrics, registers them and keeps what describes them.
type Maker struct {
	reg   prometheus.Registerer
	descs []Desc
}

// NewMaker returns a Maker that registers with reg.
func NewMaker(reg prometheus.Registerer) *Maker { return &Maker{reg: reg} }

// Descs describes all that was made so far, in its order.
func (m *Maker) Descs() []Desc { return m.descs }

// Counter makes a counter.
func (m *Maker) Counter(s Signal, name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.add(c, Desc{Name: name, Help: help, Kind: KindCounter, Signal: s})
	return c
}

// Counters makes a counter with labels. If all their values are known, each
// combination is there from the start, at zero.
func (m *Maker) Counters(s Signal, name, help string, labels ...Label) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, names(labels))
	Zero(c, labels...)
	m.add(c, Desc{Name: name, Help: help, Kind: KindCounter, Signal: s, Labels: labels})
	return c
}

// Gauge makes a gauge.
func (m *Maker) Gauge(s Signal, name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	m.add(g, Desc{Name: name, Help: help, Kind: KindGauge, Signal: s})
	return g
}

// Gauges makes a gauge with labels.
func (m *Maker) Gauges(s Signal, name, help string, labels ...Label) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, names(labels))
	m.add(g, Desc{Name: name, Help: help, Kind: KindGauge, Signal: s, Labels: labels})
	return g
}

// GaugeFunc makes a gauge that is asked at each scrape. It must not block.
func (m *Maker) GaugeFunc(s Signal, name, help string, value func() float64) {
	g := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	m.add(g, Desc{Name: name, Help: help, Kind: KindGauge, Signal: s})
}

// GaugesFunc makes a gauge with one label that is asked for all its values at
// each scrape. It must not block.
func (m *Maker) GaugesFunc(s Signal, name, help string, label Label, values func() map[string]float64) {
	m.add(&asked{
		desc:  prometheus.NewDesc(name, help, []string{label.Name}, nil),
		known: label.Values, values: values,
	}, Desc{Name: name, Help: help, Kind: KindGauge, Signal: s, Labels: []Label{label}})
}

// CounterFunc makes a counter that is asked at each scrape. It must not block.
func (m *Maker) CounterFunc(s Signal, name, help string, value func() float64) {
	c := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
	m.add(c, Desc{Name: name, Help: help, Kind: KindCounter, Signal: s})
}

// Histogram makes a histogram with these classic buckets, and native ones.
func (m *Maker) Histogram(s Signal, name, help string, buckets []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets,
		NativeHistogramMinResetDuration: nativeMinReset,
	})
	m.add(h, Desc{Name: name, Help: help, Kind: KindHistogram, Signal: s, buckets: len(buckets) + 3})
	return h
}

// Own registers a collector of others and describes what it collects.
func (m *Maker) Own(c prometheus.Collector, descs ...Desc) {
	m.reg.MustRegister(c)
	m.descs = append(m.descs, descs...)
}

func (m *Maker) add(c prometheus.Collector, d Desc) {
	for _, l := range d.Labels {
		if l.bound() == 0 {
			panic(fmt.Sprintf("label %s of %s has no bound", l.Name, d.Name))
		}
	}
	m.Own(c, d)
}

// Zero makes every combination of known label values a series. Labels whose
// values are not known make none.
func Zero(c *prometheus.CounterVec, labels ...Label) {
	combinations := [][]string{nil}
	for _, l := range labels {
		var longer [][]string
		for _, c := range combinations {
			for _, v := range l.Values {
				longer = append(longer, append(slices.Clip(c), v))
			}
		}
		combinations = longer
	}
	for _, values := range combinations {
		c.WithLabelValues(values...)
	}
}

func names(labels []Label) []string {
	var all []string
	for _, l := range labels {
		all = append(all, l.Name)
	}
	return all
}

// asked is a gauge whose values are asked for at each scrape.
type asked struct {
	desc   *prometheus.Desc
	known  []string
	values func() map[string]float64
}

// Describe implements prometheus.Collector.
func (a *asked) Describe(descs chan<- *prometheus.Desc) { descs <- a.desc }

// Collect implements prometheus.Collector.
func (a *asked) Collect(metrics chan<- prometheus.Metric) {
	values := a.values()
	for _, known := range a.known {
		if _, ok := values[known]; !ok {
			metrics <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, 0, known)
		}
	}
	for label, value := range values {
		metrics <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, value, label)
	}
}
