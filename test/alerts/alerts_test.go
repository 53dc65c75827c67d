package alerts

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/test/observe"
	"github.com/belfry-cron/belfry/test/pagerduty"
)

// fault is something that goes wrong, and the incident that must come of it.
type fault struct {
	alert    string
	severity string // PagerDuty's
	cluster  string // of Belfry, if the alert is of one
	cause    func(w *world)
	mend     func(w *world)
	// with are alerts that the same fault may cause rightly.
	with []string
}

// slowly are those that look back over minutes, and so end minutes later.
func slowly(alert string) bool {
	return slices.Contains([]string{"RunsLost", "DueTimesMissed", "DeadLettersGrow", "RunsMayBeDoubled", "KeeperDied", "NameTakenTwice"}, alert)
}

func nothing(*world) {}

// faults are in the order in which they are caused: each leaves all well.
func faults() []fault {
	return []fault{
		{
			alert: "ClusterWithoutWorkers", severity: "critical", cluster: "cluster-b",
			cause: func(w *world) { w.kill("b-1") }, mend: func(w *world) { w.start("b-1") },
			with: []string{"RunsLost"},
		},
		{
			alert: "JobFilesInvalid", severity: "warning",
			cause: func(w *world) { w.writeJobs("jobs: [{name: tick}]\n") }, mend: func(w *world) { w.writeJobs(jobs) },
		},
		{
			alert: "KeeperDied", severity: "warning", mend: nothing,
			cause: func(w *world) { require.NoError(w.t, syscall.Kill(w.keeper("a-2"), syscall.SIGKILL)) },
		},
		{
			alert: "DeadLettersGrow", severity: "warning", mend: nothing,
			cause: func(w *world) { w.produce(w.names.Commands(), 0, "tick", "no command") },
		},
		{
			alert: "RunsMayBeDoubled", severity: "error", mend: nothing,
			cause: func(w *world) {
				w.produce(w.names.Events(), topic.Partition("tick", 8), "tick", fmt.Sprintf(
					`{"v":1,"type":"starting","job":"tick","run":"20200101T000000Z-tick","cluster":"cluster-a","due":"2020-01-01T00:00:00Z",`+
						`"attempt":1,"fence":1,"at":%q,"by":"a-1","incarnation":1}`, time.Now().UTC().Format(time.RFC3339)))
			},
		},
		{
			alert: "NoFreeSlot", severity: "error", cluster: "cluster-b",
			cause: func(w *world) {
				for range 4 {
					_, err := w.site.Run(w.t.Context(), "run", "filler")
					require.NoError(w.t, err)
				}
			},
			mend: func(w *world) { // what ran is lost with it
				w.kill("b-1")
				w.start("b-1")
			},
			with: []string{"OldestRunWaits", "WorkerOverloaded", "RunsLateFast", "ClusterWithoutWorkers", "RunsLost"},
		},
		{
			alert: "RunsLost", severity: "warning",
			cause: func(w *world) {
				_, err := w.site.Run(w.t.Context(), "run", "long")
				require.NoError(w.t, err)
				w.await("the long run to start", "sum(belfry_worker_longest_run_seconds) > 3")
				w.kill("a-1", "a-2")
				w.start("a-2")
			},
			mend: nothing, with: []string{"MemberDown", "OldestRunWaits", "RunsLateFast", "ClusterWithoutWorkers"},
		},
		{
			alert: "MemberDown", severity: "warning", cause: nothing, // a-1 is dead
			mend: func(w *world) { w.start("a-1") },
		},
		{
			alert: "NameTakenTwice", severity: "warning", mend: nothing,
			cause: func(w *world) {
				for range 4 { // each ousts the one before
					w.await("the worker to show itself", fmt.Sprintf(`up{instance=%q} == 1`, w.shows["a-1"]))
					replaced := w.members["a-1"]
					shown := w.shows["a-1"]
					w.shows["a-1"] = ""
					w.start("a-1")
					w.until("the older worker to end", patience, func() bool { return !replaced.Alive() })
					w.shows["a-1"] = shown
				}
				w.kill("a-1")
				w.start("a-1")
			},
			with: []string{"MemberDown"},
		},
		{
			alert: "NoScheduler", severity: "critical",
			cause: func(w *world) { w.kill("s-1", "s-2") },
			mend:  func(w *world) { w.start("s-1"); w.start("s-2") },
			with:  []string{"DueTimesMissed", "OldestRunWaits", "RunsLateFast", "MemberDown"},
		},
		{alert: "DueTimesMissed", severity: "warning", cause: nothing, mend: nothing}, // while there was no scheduler
		{
			alert: "BrokerDown", severity: "warning",
			cause: func(w *world) { require.NoError(w.t, w.kafka.Kill(0)) }, mend: restart(0),
			with: []string{"UnderReplicated", "NoActiveController", "CutOffFromKafka", "DueTimesMissed", "OldestRunWaits", "KafkaConnectionsFail", "RunsLateFast", "CommitsStuck", "ShardsGivenUp", "ShardsWithoutOwner", "MemberUnready"},
		},
		{
			alert: "NoActiveController", severity: "critical",
			cause: killMost, mend: restartMost,
			with: []string{"UnderMinIsr", "CutOffFromKafka", "BrokerDown", "OfflinePartitions", "DueTimesMissed", "OldestRunWaits", "KafkaConnectionsFail", "RunsLateFast", "CommitsStuck", "ShardsGivenUp", "ShardsWithoutOwner", "MemberUnready", "UnderReplicated"},
		},
	}
}

func restart(i int) func(*world) {
	return func(w *world) { require.NoError(w.t, w.kafka.Restart(w.t.Context(), i)) }
}

// killMost kills all brokers but the last of several. Where there is one, its
// death was the fault before.
func killMost(w *world) {
	if len(w.kafka.Brokers()) == 1 {
		return
	}
	for i := range max(1, len(w.kafka.Brokers())-1) {
		require.NoError(w.t, w.kafka.Kill(i))
	}
}

func restartMost(w *world) {
	brokers := len(w.kafka.Brokers())
	if brokers == 1 {
		return
	}
	for i := range max(1, brokers-1) {
		if i == 0 && brokers > 2 {
			// With most still down the cluster is not whole: only the last restart waits.
			go func() { _ = w.kafka.Restart(w.t.Context(), i) }()
			continue
		}
		require.NoError(w.t, w.kafka.Restart(w.t.Context(), i))
	}
}

// TestAlerts causes each fault, awaits its incident, mends it, and awaits its
// end; for those that look back over minutes all together at last.
func TestAlerts(t *testing.T) {
	w := newWorld(t)
	w.await("runs of both clusters", `count(sum by (cluster) (belfry_worker_starts_total) > 3) == 2`)
	w.until("a sign of the watchdog", patience, func() bool { return !w.desk.Alive().IsZero() })
	allowed := map[string]bool{}
	for _, i := range w.desk.Incidents() {
		require.Equal(t, "warning", i.Latest.Payload.Severity, "a cold start pages nobody: %s", i.Latest.Payload.Summary)
		allowed[i.Latest.Payload.Class] = true
	}

	var late []fault
	for _, f := range faults() {
		allowed[f.alert] = true
		for _, other := range f.with {
			allowed[other] = true
		}
		began := time.Now()
		f.cause(w)
		w.until(f.alert, within(t, f.alert)+patience, func() bool { _, ok := w.incident(f.alert); return ok })
		i, _ := w.incident(f.alert)
		if began.After(i.Opened) {
			t.Logf("figure: %-22s had come with the fault before", f.alert)
		} else {
			t.Logf("figure: %-22s paged after %s", f.alert, i.Opened.Sub(began).Round(100*time.Millisecond))
		}
		requireRight(t, f, i)
		f.mend(w)
		if slowly(f.alert) {
			late = append(late, f)
			continue
		}
		requireEnds(w, f)
	}
	for _, f := range late {
		requireEnds(w, f)
	}
	for _, i := range w.desk.Incidents() {
		require.True(t, allowed[i.Latest.Payload.Class], "%s woke somebody for nothing: %s", i.Latest.Payload.Class, i.Latest.Payload.Summary)
	}
	require.Zero(t, w.desk.Refused(), "events that PagerDuty would have refused")
}

func requireEnds(w *world, f fault) {
	w.t.Helper()
	mended := time.Now()
	w.until("the end of "+f.alert, 11*time.Minute+patience, func() bool {
		i, ok := w.incident(f.alert)
		return ok && i.Status == pagerduty.Resolved
	})
	w.t.Logf("figure: %-22s resolved after %s", f.alert, time.Since(mended).Round(100*time.Millisecond))
}

func requireRight(t *testing.T, f fault, i pagerduty.Incident) {
	t.Helper()
	e := i.Latest
	require.Equal(t, f.severity, e.Payload.Severity, f.alert)
	require.Equal(t, f.cluster, e.Payload.Group, f.alert)
	key := observe.Key
	if f.cluster == "cluster-b" {
		key = observe.KeyB
	}
	require.Equal(t, key, e.RoutingKey, f.alert)
	require.Len(t, e.Links, 2, f.alert)
	require.True(t, strings.HasSuffix(e.Links[0].Href, "/docs/runbooks/"+f.alert+".md"), e.Links[0].Href)
	require.True(t, strings.HasPrefix(e.Links[1].Href, "http://localhost:3000/d/belfry-"), e.Links[1].Href)
	require.Contains(t, e.Payload.Summary, f.alert)
}
