package acls

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
	"github.com/belfry-cron/belfry/test/site"
)

const jobs = `jobs:
  - {name: tick, cluster: cluster-a, schedule: "@every 1s", command: ["true"]}
`

// patience is how long what must come may take.
const patience = 3 * time.Minute

// world is a broker that refuses what nobody granted.
type world struct {
	t     *testing.T
	kafka *kafkatest.Cluster
	dir   string
	bin   string
}

// as is belfry run by a user.
func (w *world) as(user string) *site.Site {
	s := &site.Site{Bin: w.bin, Dir: w.dir, Env: append(os.Environ(),
		"TMPDIR="+w.dir, "BELFRY_BROKERS="+strings.Join(w.kafka.Brokers(), ","), "BELFRY_SASL_MECHANISM=PLAIN",
		"BELFRY_SASL_USER="+user, "BELFRY_SASL_PASSWORD="+user, "BELFRY_CREATE_TOPICS=false", "BELFRY_LOG_FORMAT=text")}
	w.t.Cleanup(s.Stop)
	return s
}

func (w *world) grant(role, user string, args ...string) {
	w.t.Helper()
	_, err := w.as(kafkatest.Admin).Run(w.t.Context(), append([]string{"acls", role, "--principal", "User:" + user, "--apply"}, args...)...)
	require.NoError(w.t, err)
}

// may says what comes of a user's attempt to produce to a topic.
func (w *world) may(user, topic string) error {
	w.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.kafka.Brokers()...), kgo.SASL(plain.Auth{User: user, Pass: user}.AsMechanism()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(0))
	require.NoError(w.t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	return cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte("x"), Value: []byte("x")}).FirstErr()
}

// TestLeastRights: with the rights that belfry acls grants a job runs and people
// can ask about it; without them, or with those of another role, nothing works.
func TestLeastRights(t *testing.T) {
	if os.Getenv("BELFRY_TEST_ACLS") == "" {
		t.Skip("SKIPPED: BELFRY_TEST_ACLS=1 starts a Kafka with an authorizer")
	}
	dir := t.TempDir()
	bin, err := site.Binary(t.Context(), dir)
	require.NoError(t, err)
	users := []string{"scheduler", "worker", "operator", "nobody"}
	w := &world{t: t, dir: dir, bin: bin, kafka: kafkatest.Run(t, kafkatest.Options{Brokers: 1, Users: users})}
	file := filepath.Join(dir, "jobs.yaml")
	require.NoError(t, os.WriteFile(file, []byte(jobs), 0o600))
	_, err = w.as(kafkatest.Admin).Run(t.Context(), "topics", "create", "--clusters", "cluster-a,cluster-b")
	require.NoError(t, err)

	_, err = w.as("operator").Run(t.Context(), "jobs")
	require.Error(t, err, "nobody granted anything yet")

	w.grant("scheduler", "scheduler")
	w.grant("worker", "worker", "--cluster", "cluster-a")
	w.grant("operator", "operator")
	operator := w.as("operator")
	w.until("apply", func() error { _, err := operator.Run(t.Context(), "apply", "-f", file); return err })
	_, err = w.as("scheduler").Start("s-1", "scheduler")
	require.NoError(t, err)
	_, err = w.as("worker").Start("w-1", "worker", "--cluster", "cluster-a")
	require.NoError(t, err)
	w.until("runs that succeed", func() error {
		out, err := operator.Run(t.Context(), "explain", "tick", "-o", "json")
		if err == nil && !strings.Contains(out, "succeeded") {
			err = errors.New("none yet: " + out)
		}
		return err
	})
	for _, args := range [][]string{{"jobs"}, {"members"}, {"topics", "list"}, {"pause", "tick"}, {"resume", "tick"}, {"run", "tick"}, {"dead"}} {
		_, err := operator.Run(t.Context(), args...)
		require.NoError(t, err, args)
	}

	// The topics that each may write to, of all that there are.
	topics := []string{
		"jobs", "commands", "events", "state", "members", "control", "audit", "access", "notices", "dead",
		"runs.cluster-a", "retries.cluster-a", "dead.cluster-a", "output.cluster-a",
		"runs.cluster-b", "retries.cluster-b", "dead.cluster-b", "output.cluster-b",
	}
	may := map[string][]string{
		"scheduler": {
			"events", "state", "members", "control", "notices", "dead", "runs.cluster-a", "retries.cluster-a", "dead.cluster-a",
			"runs.cluster-b", "retries.cluster-b", "dead.cluster-b",
		},
		"worker":   {"events", "members", "dead.cluster-a", "output.cluster-a"},
		"operator": {"jobs", "commands", "audit"},
		"nobody":   nil,
	}
	for user, allowed := range may {
		for _, topic := range topics {
			err := w.may(user, "belfry."+topic)
			if slices.Contains(allowed, topic) {
				require.NotErrorIs(t, err, kerr.TopicAuthorizationFailed, "%s on %s", user, topic)
				continue
			}
			require.ErrorIs(t, err, kerr.TopicAuthorizationFailed, "%s on %s", user, topic)
		}
	}
}

func (w *world) until(what string, try func() error) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		err := try()
		if err == nil {
			return
		}
		require.True(w.t, time.Now().Before(deadline), "%s: not within %s: %v", what, patience, err)
		select {
		case <-w.t.Context().Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}
