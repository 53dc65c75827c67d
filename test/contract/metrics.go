package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/metric"
)

const metricsHead = `# Metrics

Written by ` + "`go run ./test/contract`" + ` from the code that makes them: do not edit. Each
role serves ` + "`/metrics`" + ` where ` + "`--metrics-addr`" + ` says:

    belfry scheduler --metrics-addr :9391 …   curl -s localhost:9391/metrics
    belfry worker    --metrics-addr :9392 …   curl -s localhost:9392/metrics
    belfry up        --metrics-addr :9390 …   curl -s localhost:9390/metrics

Counters are there from the start, at zero, for every label value that is known
beforehand. No label holds what a user chose but clusters, of which 100 are told
apart. Histograms are classic and native: Prometheus takes the native form with
` + "`--enable-feature=native-histograms`" + ` (2.42) or ` + "`scrape_native_histograms: true`" + ` (3.x).
A start that is late by a second or more leaves the run's ID as an exemplar
(OpenMetrics). The standard ` + "`go_*`" + ` and ` + "`process_*`" + ` are there too.

All metrics of a worker carry its ` + "`cluster`" + `. Ten scrapes are answered at a time, more are refused with 503.

The signals: **traffic** is how much is done, **latency** how long it takes,
**errors** what goes wrong, **saturation** how full it is; a **fact** is none of these.

`

const clientsHead = `What the clients' figures are commonly called, and where to find it:

| figure | query |
|---|---|
| requests a second | ` + "`rate(belfry_kafka_request_duration_e2e_seconds_count[5m])`" + ` |
| responses a second | the same: each is counted once its response was read |
| average and high-quantile request latency | ` + "`rate(…_e2e_seconds_sum[5m]) / rate(…_count[5m])`" + `, ` + "`histogram_quantile(0.99, rate(…_bucket[5m]))`" + ` |
| records consumed, fetch rate | ` + "`rate(belfry_kafka_fetch_records_total[5m])`" + `, ` + "`rate(belfry_kafka_fetch_batches_total[5m])`" + ` |
| outgoing bytes | ` + "`rate(belfry_kafka_write_bytes_total[5m])`" + ` |
| I/O wait | ` + "`rate(belfry_kafka_read_wait_seconds_sum[5m])`" + `, ` + "`rate(belfry_kafka_write_wait_seconds_sum[5m])`" + ` |
| failures | ` + "`rate(belfry_kafka_read_errors_total[5m])`" + `, ` + "`rate(belfry_kafka_write_errors_total[5m])`" + ` |
| connection errors | ` + "`rate(belfry_kafka_connect_errors_total[5m])`" + ` |

`

// metricsPage is docs/metrics.md.
func metricsPage(root string) (string, error) {
	parts, err := app.Metrics()
	if err != nil {
		return "", err
	}
	uses, err := usesOf(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(metricsHead)
	for _, p := range parts {
		fmt.Fprintf(&b, "## %s\n\nShown by: %s.\n\n", capital(p.Name), strings.Join(p.Roles, ", "))
		if p.Name == "Kafka clients" {
			b.WriteString(clientsHead)
		}
		b.WriteString("| metric | type | unit | labels | signal | meaning | used by |\n|---|---|---|---|---|---|---|\n")
		for _, d := range p.Descs {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n",
				d.Name, d.Kind, d.Unit(), labels(d.Labels), d.Signal, d.Help, strings.Join(uses[d.Name], ", "))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// labels are those of a metric, with their values if these are few.
func labels(all []metric.Label) string {
	var words []string
	for _, l := range all {
		switch {
		case len(l.Values) == 0:
			words = append(words, fmt.Sprintf("`%s` (at most %d)", l.Name, l.Most))
		case len(l.Values) > 9:
			words = append(words, fmt.Sprintf("`%s` (%d: %s, …)", l.Name, len(l.Values), strings.Join(l.Values[:4], ", ")))
		default:
			words = append(words, fmt.Sprintf("`%s` (%s)", l.Name, strings.Join(l.Values, ", ")))
		}
	}
	return strings.Join(words, "; ")
}

// described gives each metric of the page by name.
func described() (map[string]metric.Desc, error) {
	parts, err := app.Metrics()
	if err != nil {
		return nil, err
	}
	all := map[string]metric.Desc{}
	for _, p := range parts {
		for _, d := range p.Descs {
			if _, twice := all[d.Name]; twice {
				return nil, fmt.Errorf("%s is made twice", d.Name)
			}
			all[d.Name] = d
		}
	}
	return all, nil
}

// bare is a series' name without what a histogram adds to it.
func bare(name string, known map[string]metric.Desc) string {
	if _, ok := known[name]; ok {
		return name
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if cut, ok := strings.CutSuffix(name, suffix); ok && known[cut].Kind == metric.KindHistogram {
			return cut
		}
	}
	return name
}

func addUse(uses map[string][]string, name, use string) {
	if !slices.Contains(uses[name], use) {
		uses[name] = append(uses[name], use)
	}
}
