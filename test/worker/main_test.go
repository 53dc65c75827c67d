package worker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	kafkatest "github.com/belfry-cron/belfry/test/kafka"
	"github.com/belfry-cron/belfry/test/site"
)

// make test-worker names the worker that is tested, and the version of the Kafka
// to start. Without one, brokers are those of site.
const (
	candidateVariable = "BELFRY_TEST_WORKER"
	versionVariable   = "BELFRY_TEST_KAFKA"
	brokersVariable   = "BELFRY_TEST_BROKERS"
)

// candidate is the command that starts the worker.
func candidate() string {
	if cmd := os.Getenv(candidateVariable); cmd != "" {
		return cmd
	}
	return os.Getenv(site.BinaryVariable) + " worker"
}

// TestMain builds belfry, and starts Kafka if it is asked to.
func TestMain(m *testing.M) { os.Exit(prepared(m.Run)) }

func prepared(tests func() int) int {
	dir, err := os.MkdirTemp("", "belfry-test-worker-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		var path string
		path, err = site.Binary(context.Background(), dir)
		err = first(err, os.Setenv(site.BinaryVariable, path))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	version := os.Getenv(versionVariable)
	if version == "" || os.Getenv(brokersVariable) != "" {
		return tests()
	}
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Fprintf(os.Stderr, "\nNOTHING WAS TESTED: %s is not installed. Kafka needs Java 17 or later, and Maven fetches it the\n"+
				"first time (Debian: apt-get install openjdk-17-jre-headless maven). %s=host:port,... tests on\nbrokers that run already.\n\n",
				program, brokersVariable)
			return 0
		}
	}
	began := time.Now()
	c, err := kafkatest.Start(context.Background(), kafkatest.Options{Version: version, Dir: dir + "/kafka"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer c.Stop()
	fmt.Fprintf(os.Stderr, "three brokers of Kafka %s after %.0f s; the worker is: %s\n", version, time.Since(began).Seconds(), candidate())
	if err := os.Setenv(brokersVariable, strings.Join(c.Brokers(), ",")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return tests()
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// brokersOf returns the real brokers there are, or one in the process.
func brokersOf(t *testing.T) []string {
	t.Helper()
	if brokers := os.Getenv(brokersVariable); brokers != "" {
		return strings.Split(brokers, ",")
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

// takesLong leaves a test of Belfry's own worker out where there are no real
// brokers: test/conformance has such tests.
func takesLong(t *testing.T) {
	t.Helper()
	if os.Getenv(brokersVariable) == "" && os.Getenv(candidateVariable) == "" {
		t.Skip("make test-worker runs it")
	}
}
