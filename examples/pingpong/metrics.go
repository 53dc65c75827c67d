package main

import "github.com/prometheus/client_golang/prometheus"

// metrics are the four golden signals: traffic and errors by what was answered
// and what failed, latency from the request's timestamp to the commit of its
// answer, saturation as what waits and as the share of time that is worked.
type metrics struct {
	answers *prometheus.CounterVec
	errors  *prometheus.CounterVec
	latency prometheus.Histogram
	backlog prometheus.Gauge
	busy    prometheus.Counter
}

// newMetrics registers them; every series is there from the start.
func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pingpong_answers_total", Help: "Requests whose answer was committed, by what they turned out to be.",
		}, []string{"verdict"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pingpong_errors_total", Help: "Fetches and transactions that failed and were tried again.",
		}, []string{"step"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "pingpong_answer_seconds", Help: "Time from a request's timestamp to the commit of its answer.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		backlog: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "pingpong_backlog_records", Help: "Requests that waited behind those last fetched.",
		}),
		busy: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "pingpong_busy_seconds_total", Help: "Time spent on transactions; its rate is the share of time that is worked.",
		}),
	}
	for _, c := range []prometheus.Collector{m.answers, m.errors, m.latency, m.backlog, m.busy} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	for _, v := range verdicts() {
		m.answers.WithLabelValues(string(v))
	}
	for _, step := range []string{"fetch", "transaction"} {
		m.errors.WithLabelValues(step)
	}
	return m, nil
}
