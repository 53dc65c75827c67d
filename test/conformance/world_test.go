package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/test/site"
)

// patience is how long anything may take on two busy cores.
const patience = 90 * time.Second

// TestMain builds belfry once for all tests.
func TestMain(m *testing.M) {
	os.Exit(built(m.Run))
}

func built(tests func() int) int {
	if os.Getenv(site.BinaryVariable) != "" {
		return tests()
	}
	dir, err := os.MkdirTemp("", "belfry-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := site.Binary(context.Background(), dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Setenv(site.BinaryVariable, path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return tests()
}

// world is one test's Kafka, topics, processes and journal.
type world struct {
	t       *testing.T
	bin     string
	brokers []string
	names   topic.Names
	dir     string
	kafka   kafka.Options
	cl      *kgo.Client
}

// conform runs f on every Kafka there is.
func conform(t *testing.T, f func(w *world)) {
	t.Helper()
	t.Parallel()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		if testing.Short() && os.Getenv("BELFRY_TEST_BROKERS") != "" {
			t.Skip("short: real brokers will do")
		}
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder(),
			kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
		require.NoError(t, err)
		t.Cleanup(c.Close)
		f(newWorld(t, c.ListenAddrs()))
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		brokers := os.Getenv("BELFRY_TEST_BROKERS")
		if brokers == "" {
			t.Skip("BELFRY_TEST_BROKERS names no brokers")
		}
		f(newWorld(t, strings.Split(brokers, ",")))
	})
}

func newWorld(t *testing.T, brokers []string) *world {
	t.Helper()
	w := &world{
		t: t, bin: os.Getenv(site.BinaryVariable), brokers: brokers, dir: t.TempDir(),
		names: topic.Names{Prefix: fmt.Sprintf("c%d.", time.Now().UnixNano())},
		kafka: kafka.Options{Brokers: brokers},
	}
	cl, err := w.kafka.Client()
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	w.cl = cl
	w.belfry("topics", "create")
	return w
}

// env points belfry at the test's Kafka and topics.
func (w *world) env() []string {
	return append(os.Environ(), "BELFRY_BROKERS="+strings.Join(w.brokers, ","),
		"BELFRY_PREFIX="+w.names.Prefix, "BELFRY_WAIT=30s", "BELFRY_LEAD="+lead.String(), "JOURNAL="+w.journalPath())
}

// belfry runs a command to its end and returns what it printed.
func (w *world) belfry(args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.bin, args...)
	cmd.Env = w.env()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(w.t, cmd.Run(), "belfry %s\n%s%s", strings.Join(args, " "), out.String(), errs.String())
	return out.String()
}

// process is a belfry that stays.
type process struct {
	w    *world
	name string
	cmd  *exec.Cmd
	done chan struct{}
}

// start starts belfry with args and lets it live to the end of the test.
func (w *world) start(name string, args ...string) *process {
	w.t.Helper()
	logs, err := os.Create(filepath.Join(w.dir, fmt.Sprintf("%s-%d.log", name, time.Now().UnixNano())))
	require.NoError(w.t, err)
	cmd := exec.Command(w.bin, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env(), logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(w.t, cmd.Start())
	p := &process{w: w, name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
		_ = logs.Close()
	}()
	w.t.Cleanup(func() {
		p.kill()
		if w.t.Failed() {
			text, _ := os.ReadFile(logs.Name())
			w.t.Logf("--- %s\n%s", name, tail(text, 6000))
		}
	})
	return p
}

func tail(text []byte, n int) []byte { return text[max(0, len(text)-n):] }

// scheduler starts a scheduler and waits until the log of beats knows it.
func (w *world) scheduler(name string, args ...string) *process {
	w.t.Helper()
	p := w.start(name, append([]string{"scheduler", "--name", name}, args...)...)
	w.awaitMember(name)
	return p
}

// worker starts a worker and waits until the log of beats knows it.
func (w *world) worker(name, cluster string, args ...string) *process {
	w.t.Helper()
	p := w.start(name, append([]string{"worker", "--name", name, "--cluster", cluster, "--drain", "5s"}, args...)...)
	w.awaitMember(name)
	return p
}

func (w *world) awaitMember(name string) {
	w.t.Helper()
	w.await(name+" to beat", func() bool { return strings.Contains(w.belfry("members", "--output", "json"), `"`+name+`"`) })
}

func (p *process) signal(s os.Signal) { require.NoError(p.w.t, p.cmd.Process.Signal(s)) }

// kill ends the process with SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	_ = p.cmd.Process.Kill()
	<-p.done
}

// leave asks the process to end and waits until it has.
func (p *process) leave() {
	p.w.t.Helper()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.w.t.Fatalf("%s did not leave within %s", p.name, patience)
	}
	require.Zero(p.w.t, p.cmd.ProcessState.ExitCode(), "%s left with an error", p.name)
}

func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	site.Await(w.t, patience, what, ok)
}

func (w *world) until(at time.Time) {
	w.t.Helper()
	site.Until(w.t, at)
}

// apply puts jobs into force.
func (w *world) apply(yaml string, args ...string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "jobs.yaml")
	require.NoError(w.t, os.WriteFile(path, []byte(yaml), 0o600))
	w.belfry(append([]string{"apply", "-f", path}, args...)...)
}

// events reads the whole ledger, but for what a test broke on purpose.
func (w *world) events() []run.Event {
	w.t.Helper()
	var all []run.Event
	require.NoError(w.t, kafka.ReadAll(context.WithoutCancel(w.t.Context()), w.kafka, w.names.Events(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		if e, err := topic.DecodeEvent(r.Value); err == nil {
			all = append(all, e)
		}
		return nil
	}))
	return all
}
