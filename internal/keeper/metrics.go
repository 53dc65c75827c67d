package keeper

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/metric"
)

// metrics are what a client tells Prometheus.
type metrics struct {
	maker  *metric.Maker
	deaths prometheus.Counter
}

// Metrics describes what a worker shows about its keeper.
func Metrics() []metric.Desc { return newMetrics(prometheus.NewRegistry()).maker.Descs() }

func newMetrics(reg prometheus.Registerer) *metrics {
	k := metric.NewMaker(reg)
	return &metrics{
		maker:  k,
		deaths: k.Counter(metric.Errors, "belfry_keeper_deaths_total", "Keepers that died, and their commands with them."),
	}
}
