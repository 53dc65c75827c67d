package broker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/metric"
)

// metrics are what the front tells Prometheus.
type metrics struct {
	maker        *metric.Maker
	refused      *prometheus.CounterVec
	acceptErrors prometheus.Counter
}

// Metrics describes what an embedded broker shows.
func Metrics() []metric.Desc {
	return newMetrics(prometheus.NewRegistry(), &front{}).maker.Descs()
}

func newMetrics(reg prometheus.Registerer, f *front) *metrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	k := metric.NewMaker(reg)
	m := &metrics{
		maker: k,
		refused: k.Counters(metric.Errors, "belfry_broker_refused_total", "Connections to the embedded broker that it refused or ended.",
			metric.OneOf("reason", refusedFull, refusedStrangers, refusedFrame, refusedEarly, refusedSecret, refusedSlow, refusedIdle)),
		acceptErrors: k.Counter(metric.Errors, "belfry_broker_accept_errors_total", "Times the embedded broker could not accept a connection."),
	}
	k.GaugeFunc(metric.Saturation, "belfry_broker_connections", "Connections to the embedded broker.",
		func() float64 { return float64(f.connections()) })
	return m
}
