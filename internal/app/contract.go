package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/broker"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/keeper"
	"github.com/belfry-cron/belfry/internal/metric"
	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/scheduler"
	"github.com/belfry-cron/belfry/internal/worker"
)

// Part is a part of a process and the metrics that it shows. Roles are those
// that have it.
type Part struct {
	Name  string
	Roles []string
	Descs []metric.Desc
}

// Metrics describes all that Belfry shows, part by part.
func Metrics() ([]Part, error) {
	clients, err := kafka.ClientMetrics()
	if err != nil {
		return nil, err
	}
	reg := prometheus.NewRegistry()
	return []Part{
		{"scheduler", []string{"scheduler", "up"}, scheduler.Metrics()},
		{"worker", []string{"worker", "up"}, append(worker.Metrics(), keeper.Metrics()...)},
		{"job files", []string{"scheduler", "up"}, newSourceMetrics(reg).maker.Descs()},
		{"embedded broker", []string{"up"}, broker.Metrics()},
		{"Kafka clients", []string{"scheduler", "worker", "up"}, clients},
		{"process", []string{"scheduler", "worker", "up"}, (&opened{Node: Node{Registry: reg}, health: &health{}}).expose()},
	}, nil
}

// expose shows what the process is, whether it is ready, and what its control
// group leaves it.
func (n *opened) expose() []metric.Desc {
	k := metric.NewMaker(n.Registry)
	info := k.Gauges(metric.Fact, "belfry_info", "1, with the versions of the process.",
		metric.AtMost("version", 1), metric.AtMost("zones", 1))
	info.WithLabelValues(n.Version, n.Zones).Set(1)
	k.GaugesFunc(metric.Errors, "belfry_unready", "1 for each reason why /readyz answers 503 now, else 0.",
		metric.OneOf("code", ready.Codes()...), func() map[string]float64 {
			codes := map[string]float64{}
			for _, r := range n.health.answer(time.Now()).Reasons {
				codes[string(r.Code)] = 1
			}
			return codes
		})
	k.GaugeFunc(metric.Fact, "belfry_certificate_end_timestamp_seconds",
		"When the client certificate that the process reaches Kafka with ends; 0 if it has none.", n.certificateEnd)
	ownCgroup("/").expose(k)
	return k.Descs()
}

// certificateEnd reads the certificate anew at each scrape: it may have been
// replaced, and the process not been started again.
func (n *opened) certificateEnd() float64 {
	end, err := n.Kafka.TLS.End()
	if err != nil || end.IsZero() {
		return 0
	}
	return float64(end.Unix())
}
