package broker

import "github.com/prometheus/client_golang/prometheus"

// metrics are what the front tells Prometheus.
type metrics struct {
	refused      *prometheus.CounterVec
	acceptErrors prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, f *front) *metrics {
	m := &metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_broker_refused_total", Help: "Connections to the embedded broker that it refused or ended.",
		}, []string{"reason"}),
		acceptErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "belfry_broker_accept_errors_total", Help: "Times the embedded broker could not accept a connection.",
		}),
	}
	for _, why := range []refusal{
		refusedFull, refusedStrangers, refusedFrame, refusedEarly, refusedSecret, refusedSlow, refusedIdle,
	} {
		m.refused.WithLabelValues(string(why))
	}
	if reg != nil {
		reg.MustRegister(m.refused, m.acceptErrors, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "belfry_broker_connections", Help: "Connections to the embedded broker.",
		}, func() float64 { return float64(f.connections()) }))
	}
	return m
}
