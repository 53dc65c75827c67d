package worker

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/test/site"
)

const (
	// patience is how long anything may take on two busy cores.
	patience = 60 * time.Second
	// late is how long after its time a run may start there, once the first are
	// staged ahead; half of them start much sooner.
	late, usuallyLate = 5 * time.Second, 500 * time.Millisecond
	// drain is the drain time that the worker is given.
	drain = 10 * time.Second

	cluster    = "cluster-a"
	shards     = 4
	slots      = 6
	retrySlots = 2
)

// world is one test's topics, scheduler and workers. Its methods take names
// that are short; those of members are unique on this host (id).
type world struct {
	t     *testing.T
	dir   string
	life  string
	kafka kafka.Options
	names topic.Names
	cl    *kgo.Client
	// belfry starts Belfry's own processes, candidates one each of CMD.
	belfry     *site.Site
	candidates []*site.Site
	processes  map[string]*site.Process
}

// newWorld returns a world with topics and a scheduler that stages runs as long
// ahead as lead says.
func newWorld(t *testing.T, lead time.Duration) *world {
	t.Helper()
	t.Parallel()
	brokers := brokersOf(t)
	life := strconv.FormatInt(time.Now().UnixNano(), 36)
	w := &world{
		t: t, dir: t.TempDir(), kafka: kafka.Options{Brokers: brokers},
		life: life, names: topic.Names{Prefix: life + "."},
		processes: map[string]*site.Process{},
	}
	w.belfry = &site.Site{Bin: os.Getenv(site.BinaryVariable), Dir: w.dir, Env: w.env("BELFRY_LEAD=" + lead.String())}
	t.Cleanup(w.end)
	var err error
	w.cl, err = w.kafka.Client()
	require.NoError(t, err)
	t.Cleanup(w.cl.Close)
	w.run("topics", "create", "--clusters", cluster, "--shards", fmt.Sprint(shards))
	w.processes["scheduler"], err = w.belfry.Start(w.id("scheduler"), "scheduler")
	require.NoError(t, err)
	w.await("the scheduler to own all shards", func() bool { return len(w.latest("scheduler").Shards) == shards })
	return w
}

// id is the ID of a member.
func (w *world) id(name string) string { return name + "-" + w.life }

func (w *world) env(more ...string) []string {
	return append(append(os.Environ(),
		"BELFRY_BROKERS="+strings.Join(w.kafka.Brokers, ","), "BELFRY_PREFIX="+w.names.Prefix, "BELFRY_CLUSTER="+cluster,
		"BELFRY_WAIT=30s", fmt.Sprint("BELFRY_SLOTS=", slots), fmt.Sprint("BELFRY_RETRY_SLOTS=", retrySlots),
		fmt.Sprintf("BELFRY_DRAIN=%.0fs", drain.Seconds())), more...)
}

// end kills what lives, and shows the logs of a failed test.
func (w *world) end() {
	for _, s := range append(slices.Clone(w.candidates), w.belfry) {
		s.Stop()
	}
	if !w.t.Failed() {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(w.dir, "*.log"))
	for _, path := range logs {
		text, _ := os.ReadFile(path)
		w.t.Logf("--- %s\n%s", filepath.Base(path), text[max(0, len(text)-6000):])
	}
}

// worker starts the worker that is tested, under a name, and waits until it
// reads partitions of both queues.
func (w *world) worker(name string, env ...string) *site.Process {
	w.t.Helper()
	s := &site.Site{Bin: "/bin/sh", Dir: w.dir, Env: w.env(append(env, "BELFRY_NAME="+w.id(name))...)}
	w.candidates = append(w.candidates, s)
	p, err := s.Start(w.id(name), "-c", "cd ../.. && exec "+candidate())
	require.NoError(w.t, err)
	w.processes[name] = p
	w.awaitReady(name)
	return p
}

// belfryWorker starts a worker of Belfry's own.
func (w *world) belfryWorker(name string) {
	w.t.Helper()
	p, err := w.belfry.Start(w.id(name), "worker")
	require.NoError(w.t, err)
	w.processes[name] = p
	w.awaitReady(name)
}

func (w *world) awaitReady(name string) {
	w.t.Helper()
	w.await(name+" to own partitions of both queues", func() bool {
		b := w.latest(name)
		require.True(w.t, w.processes[name].Alive(), "%s has ended", name)
		return len(b.Runs.Partitions) > 0 && len(b.Retries.Partitions) > 0
	})
}

// leave has a process end by SIGTERM, within the drain time and some.
func (w *world) leave(name string) {
	w.t.Helper()
	require.NoError(w.t, w.processes[name].Leave(drain+20*time.Second))
	require.Zero(w.t, w.processes[name].ExitCode(), "%s left with an error", name)
}

// run runs a command of Belfry's to its end and returns what it printed.
func (w *world) run(args ...string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), patience)
	defer cancel()
	out, err := w.belfry.Run(ctx, args...)
	require.NoError(w.t, err)
	return out
}

// apply puts jobs into force. Their commands may call note (site.Note).
func (w *world) apply(jobs string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "jobs.yaml")
	text := fmt.Sprintf("defaults: {cluster: %s, env: {JOURNAL: %q}}\njobs:\n%s", cluster, w.journalPath(), jobs)
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
	w.run("apply", "-f", path)
}

// ask has a job run now, and returns the run's ID once it is in the ledger.
func (w *world) ask(job string) run.ID {
	w.t.Helper()
	before := w.eventsOf(job, run.EventEnqueued)
	w.run("run", job)
	var id run.ID
	w.await(job+" to be put on a queue", func() bool {
		all := w.eventsOf(job, run.EventEnqueued)
		if len(all) > len(before) {
			id = all[len(before)].Run
		}
		return id != ""
	})
	return id
}

func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	site.Await(w.t, patience, what, ok)
}

func (w *world) until(at time.Time) {
	w.t.Helper()
	site.Until(w.t, at)
}

// read calls each with all committed records of a topic.
func (w *world) read(name string, each func(*kgo.Record)) {
	w.t.Helper()
	require.NoError(w.t, kafka.ReadAll(context.WithoutCancel(w.t.Context()), w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		each(r)
		return nil
	}))
}

// written is an event and when Kafka says that it was written.
type written struct {
	run.Event
	partition int32
	stored    time.Time
}

func (w *world) events() []written {
	w.t.Helper()
	var all []written
	w.read(w.names.Events(), func(r *kgo.Record) {
		e, err := topic.DecodeEvent(r.Value)
		require.NoError(w.t, err, "%s", r.Value)
		all = append(all, written{e, r.Partition, r.Timestamp})
	})
	return all
}

func (w *world) eventsOf(job string, types ...run.EventType) []written {
	w.t.Helper()
	return slices.DeleteFunc(w.events(), func(e written) bool {
		return e.Job != job || len(types) > 0 && !slices.Contains(types, e.Type)
	})
}

// awaitEvent waits for an event of a run.
func (w *world) awaitEvent(id run.ID, kind run.EventType) written {
	w.t.Helper()
	var found *written
	w.await(fmt.Sprintf("a %s event of run %s", kind, id), func() bool {
		for _, e := range w.events() {
			if e.Run == id && e.Type == kind && found == nil {
				found = &e
			}
		}
		return found != nil
	})
	return *found
}

// beats are those of a member, in the order of the log.
func (w *world) beats(name string) (all []member.Beat, stored []time.Time) {
	w.t.Helper()
	w.read(w.names.Members(), func(r *kgo.Record) {
		if string(r.Key) == w.id(name) {
			b, err := topic.DecodeBeat(r.Value)
			require.NoError(w.t, err, "%s", r.Value)
			require.Zero(w.t, r.Partition)
			all, stored = append(all, b), append(stored, r.Timestamp)
		}
	})
	return all, stored
}

// latest is the latest beat of the latest life of a member, empty before the
// first: one of an older life may stand behind it.
func (w *world) latest(name string) member.Beat {
	w.t.Helper()
	var last member.Beat
	all, _ := w.beats(name)
	for _, b := range all {
		if b.Incarnation >= last.Incarnation {
			last = b
		}
	}
	return last
}

func (w *world) journalPath() string { return filepath.Join(w.dir, "journal") }

// journal is what commands wrote, with the names of the workers that are known.
func (w *world) journal() []check.Line {
	w.t.Helper()
	names := w.belfry.Names()
	for _, s := range w.candidates {
		maps.Copy(names, s.Names())
	}
	lines, err := site.Journal(w.journalPath(), names)
	require.NoError(w.t, err)
	return lines
}

// noted is how often a word stands in the journal for a job.
func (w *world) noted(word, job string) int {
	w.t.Helper()
	n := 0
	for _, l := range w.journal() {
		if l.Word == word && l.Job == job {
			n++
		}
	}
	return n
}

// ticking are n jobs due each second, tick-0 and so on.
func ticking(n int, fields string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  - {name: tick-%d, schedule: \"* * * * * *\", seconds: true, command: '%snote start; note end', catch_up: {policy: all, window: 1h}%s}\n",
			i, site.Note, fields)
	}
	return b.String()
}

// begin applies ticking jobs, waits until they run, and returns from when on
// every due time counts.
func (w *world) begin(n int, fields string) time.Time {
	w.t.Helper()
	w.apply(ticking(n, fields))
	applied := time.Now()
	w.await("the jobs to run", func() bool { return w.noted(check.WordEnd, "tick-0") > 0 })
	return applied
}

// judge ends all processes once what is due in between has ended, and has the
// evidence judged: every due time accounted for, nothing doubled, nothing
// early. How late runs are is another test's.
func (w *world) judge(from, to time.Time, faults ...check.Fault) {
	w.t.Helper()
	w.await("all that was due to end", func() bool {
		open := site.Ledger{}
		for _, e := range w.events() {
			if !e.Due.After(to) {
				open.Observe(&e.Event)
			}
		}
		return open.Open(time.Now()) == 0 && open.Ended > 0
	})
	for name, p := range w.processes {
		if p.Alive() {
			w.leave(name)
		}
	}
	e, err := site.Collect(site.Read(context.WithoutCancel(w.t.Context()), w.kafka), w.names, []string{cluster})
	require.NoError(w.t, err)
	e.From, e.Until, e.Lines, e.Faults = from, to, w.journal(), faults
	e.Limits = check.Limits{MinStarts: int(to.Sub(from) / time.Second), Skew: 100 * time.Millisecond, Kill: 15 * time.Second}
	r, err := check.Judge(e)
	require.NoError(w.t, err)
	require.Equal(w.t, check.Pass, r.Verdict, "%s", r)
	w.t.Logf("judged: %s", r)
}
