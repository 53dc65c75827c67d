package kafkatest

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// mostKafkaSeries bounds what a broker shows: an allow list stays small.
const mostKafkaSeries = 400

// TestExporters: each series that alerts and panels rest on exists on a real
// cluster, with the value that a healthy one has, and the answer is small.
func TestExporters(t *testing.T) {
	if os.Getenv("BELFRY_TEST_EXPORTERS") == "" {
		t.Skip("SKIPPED: set BELFRY_TEST_EXPORTERS=1 to start Kafka 4.3.1 and 3.9.2 with exporters")
	}
	for _, version := range []string{Latest, ZooKeeper} {
		t.Run(version, func(t *testing.T) {
			c := Run(t, Options{Version: version, Brokers: 1, Watched: true})
			brokers, keepers := c.Exporters()
			require.Len(t, brokers, 1)
			var sums map[string]float64
			requireSoon(t, func() bool {
				sums = map[string]float64{}
				for _, addr := range brokers {
					began := time.Now()
					shown := scrape(t, addr)
					series := add(sums, shown)
					t.Logf("figure: broker %s shows %d series in %s", addr, series, time.Since(began).Round(time.Millisecond))
					require.LessOrEqual(t, series, mostKafkaSeries)
				}
				return sums["kafka_controller_active_controllers"] == 1
			})
			for _, zero := range []string{
				"kafka_controller_offline_partitions", "kafka_controller_unclean_elections_total",
				"kafka_server_under_replicated_partitions", "kafka_server_under_min_isr_partitions",
				"kafka_server_offline_log_dirs", "kafka_server_failedproducerequests_total",
			} {
				value, ok := sums[zero]
				require.True(t, ok, "%s is not shown", zero)
				require.Zero(t, value, zero)
			}
			for _, there := range []string{
				"kafka_server_request_handler_idle_ratio", "kafka_network_request_queue_size", "kafka_server_isr_shrinks_total",
				"kafka_network_request_total_milliseconds", "kafka_network_requests_total", "kafka_server_bytesin_total",
				"kafka_network_processor_idle_ratio", "jvm_gc_collection_seconds",
			} {
				_, ok := sums[there]
				require.True(t, ok, "%s is not shown", there)
			}
			require.InDelta(t, 1, sums["kafka_server_request_handler_idle_ratio"], 0.9)
			if version == Latest {
				require.Contains(t, sums, "kafka_raft_current_epoch")
				return
			}
			require.Len(t, keepers, 1)
			for _, addr := range keepers {
				kept := map[string]float64{}
				add(kept, scrape(t, addr))
				require.Contains(t, kept, "avg_latency")
				require.Contains(t, kept, "num_alive_connections")
				require.Contains(t, kept, "outstanding_requests")
			}
		})
	}
}

func requireSoon(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		require.True(t, time.Now().Before(deadline), "not healthy within a minute")
		select {
		case <-t.Context().Done():
		case <-time.After(time.Second):
		}
	}
}

// add adds up the values of each metric, and returns how many series there are.
func add(sums map[string]float64, shown map[string]*dto.MetricFamily) (series int) {
	for name, f := range shown {
		for _, m := range f.GetMetric() {
			series++
			sums[name] += m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return series
}

func scrape(t *testing.T, addr string) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s/metrics", addr), nil)
	require.NoError(t, err)
	response, err := new(http.Client).Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}
