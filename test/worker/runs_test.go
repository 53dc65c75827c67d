package worker

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/test/site"
)

// at is the schedule, with seconds, of one instant.
func at(t time.Time) string { return t.UTC().Format("5 4 15 2 1 *") }

func TestEachRunIsClaimedOnceTogetherWithItsOffset(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	from := w.begin(3, "")
	to := time.Now().Add(6 * time.Second)
	w.until(to)
	w.judge(from, to)
	claimed := map[run.Key]int{}
	for _, e := range w.events() {
		if e.Type == run.EventClaimed {
			claimed[e.Key()]++
			require.Positive(t, e.Beat, "a claim names the latest beat")
			require.Equal(t, topic.Partition(e.Job, shards), e.partition, "events go where the run's shard says")
		}
	}
	next := map[int32]int64{}
	w.read(w.names.Runs(cluster), func(r *kgo.Record) {
		next[r.Partition] = r.Offset + 1
		decoded, err := topic.DecodeRun(r.Value, cluster)
		require.NoError(t, err)
		require.LessOrEqual(t, claimed[decoded.Key()], 1, "%s", r.Value)
	})
	require.NotEmpty(t, next)
	offsets, err := kadm.NewClient(w.cl).FetchOffsets(t.Context(), w.names.Group(cluster, "runs"))
	require.NoError(t, err)
	for p, n := range next {
		o, ok := offsets.Lookup(w.names.Runs(cluster), p)
		require.True(t, ok, "nothing is committed of partition %d", p)
		require.LessOrEqual(t, o.At, n+1, "partition %d", p)
		require.Positive(t, o.At, "partition %d", p)
	}
}

func TestRunsStartOnTimeAndNeverBefore(t *testing.T) {
	takesLong(t)
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	from := w.begin(3, "")
	to := time.Now().Add(10 * time.Second)
	w.until(to)
	w.judge(from, to)
	starting := map[run.Key]written{}
	var after []time.Duration
	for _, e := range w.events() {
		if e.Type == run.EventStarting {
			starting[e.Key()] = e
		}
	}
	for _, l := range w.journal() {
		e, ok := starting[run.Key{ID: l.Run, Fence: l.Fence}]
		require.True(t, ok, "%s of %s started without `starting`", l.Run, l.Job)
		if l.Word == check.WordStart && e.Due.After(from.Add(5*time.Second)) && !e.Due.After(to) {
			after = append(after, l.At.Sub(e.Due))
			require.Less(t, e.stored, l.At.Add(30*time.Millisecond), "`starting` is in the log before the start")
		}
	}
	require.GreaterOrEqual(t, len(after), 15)
	slices.Sort(after)
	t.Logf("started after the due time: median %s, longest %s", after[len(after)/2], after[len(after)-1])
	require.GreaterOrEqual(t, after[0], -30*time.Millisecond, "the first; the clock of the journal ticks every 10 ms")
	require.Less(t, after[len(after)/2], usuallyLate, "the median")
	require.Less(t, after[len(after)-1], late, "the last")
}

func TestOutcomes(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	w.apply(`
  - {name: succeeds, command: 'sleep 0.3'}
  - {name: fails, command: 'echo no such table >&2; exit 3'}
  - {name: killed, command: 'kill -9 $$'}
  - {name: hangs, command: 'sleep 300', timeout: 1s}
  - {name: missing, command: [/no/such/program]}
  - {name: nowhere, command: ['true'], working_dir: /no/such/folder}
`)
	end := map[string]written{}
	asked := map[string]run.ID{}
	for _, job := range []string{"succeeds", "fails", "killed", "hangs", "missing", "nowhere"} {
		asked[job] = w.ask(job)
	}
	for job, id := range asked {
		end[job] = w.awaitEvent(id, run.EventFinished)
		require.NotNil(t, end[job].Outcome, job)
	}
	for job, want := range map[string]run.Outcome{
		"succeeds": {State: run.StateSucceeded},
		"fails":    {State: run.StateFailed, ExitCode: 3, Tail: "no such table\n", OutputBytes: 14},
		"killed":   {State: run.StateFailed, ExitCode: -1, Signal: "SIGKILL"},
		"hangs":    {State: run.StateTimedOut, ExitCode: -1, Signal: "SIGTERM"},
		"missing":  {State: run.StateFailed, ExitCode: -1},
		"nowhere":  {State: run.StateFailed, ExitCode: -1},
	} {
		got := *end[job].Outcome
		if strings.HasPrefix(job, "missing") || job == "nowhere" {
			require.NotEmpty(t, got.StartFailure, job)
			require.Zero(t, got.StartedAt, "%s never started", job)
		} else {
			took := got.EndedAt.Sub(got.StartedAt)
			require.Positive(t, took, job)
			require.False(t, got.StartedAt.Before(end[job].Due), job)
			require.True(t, job != "hangs" || took >= time.Second && took < 3*time.Second, "it took %s", took)
			require.True(t, job != "succeeds" || took >= 300*time.Millisecond, "it took %s", took)
		}
		got.StartedAt, got.EndedAt, got.StartFailure, got.CPUTime, got.PeakMemoryBytes = want.StartedAt, want.EndedAt, "", 0, 0
		require.Equal(t, want, got, job)
	}
}

func TestACommandSeesItsRunAndNothingOfTheWorker(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w", "SECRET_OF_THE_WORKER=1", "PATH="+pathOf(t))
	w.apply(`
  - name: env
    command: 'cat; pwd; env | sort'
    stdin: "from stdin\n"
    working_dir: /
    env: {GREETING: "hello world", LANG: C}
`)
	end := w.awaitEvent(w.ask("env"), run.EventFinished)
	require.Equal(t, run.StateSucceeded, end.Outcome.State)
	lines := strings.Split(w.output(end.Event)["stdout"], "\n")
	require.Equal(t, []string{"from stdin", "/"}, lines[:2])
	for _, want := range []string{
		"BELFRY_JOB=env", "BELFRY_RUN_ID=" + string(end.Run), "BELFRY_ATTEMPT=1", "BELFRY_CLUSTER=" + cluster,
		fmt.Sprint("BELFRY_FENCE=", end.Fence), "BELFRY_DUE=" + end.Due.Format(time.RFC3339Nano),
		"GREETING=hello world", "LANG=C", "PATH=" + pathOf(t),
	} {
		require.Contains(t, lines, want)
	}
	for _, line := range lines[2:] {
		name, _, _ := strings.Cut(line, "=")
		require.Contains(t, []string{
			"", "BELFRY_JOB", "BELFRY_RUN_ID", "BELFRY_ATTEMPT", "BELFRY_CLUSTER", "BELFRY_FENCE", "BELFRY_DUE", "BELFRY_TREE",
			"GREETING", "JOURNAL", "LANG", "PATH", "HOME", "PWD", "SHLVL", "_", "OLDPWD",
		}, name)
	}
}

func TestOutputIsKeptWithinItsBounds(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	// The second job writes 3 MiB to one stream and then a little to the other.
	w.apply(`
  - {name: says, command: 'echo one; echo two >&2; sleep 0.4; echo three'}
  - {name: floods, command: 'head -c 3145728 /dev/zero | tr "\0" x; sleep 0.5; echo last words >&2'}
  - {name: silent, command: ['true']}
`)
	says, floods, silent := w.ask("says"), w.ask("floods"), w.ask("silent")
	end := w.awaitEvent(says, run.EventFinished)
	w.awaitOutput(end.Event)
	require.Equal(t, map[string]string{"stdout": "one\nthree\n", "stderr": "two\n"}, w.output(end.Event))
	require.Equal(t, int64(14), end.Outcome.OutputBytes)
	require.Zero(t, end.Outcome.OutputCutBytes)

	end = w.awaitEvent(floods, run.EventFinished)
	w.awaitOutput(end.Event)
	out := w.output(end.Event)
	kept := len(out["stdout"])
	require.Equal(t, 1<<20+64<<10, kept, "the first MiB of both streams together, and the last 64 KiB of each")
	require.Equal(t, "last words\n", out["stderr"])
	require.Equal(t, int64(3<<20+11), end.Outcome.OutputBytes)
	require.Equal(t, int64(2<<20-64<<10), end.Outcome.OutputCutBytes)
	require.True(t, strings.HasSuffix(end.Outcome.Tail, "xxx"+"last words\n"))
	require.LessOrEqual(t, len(end.Outcome.Tail), 4<<10)

	end = w.awaitEvent(silent, run.EventFinished)
	require.Empty(t, w.chunks(end.Event), "a command that writes nothing has no chunk")
}

// chunks are the records of a run's output, in order.
func (w *world) chunks(e run.Event) []run.Output {
	w.t.Helper()
	var all []run.Output
	w.read(w.names.Output(cluster), func(r *kgo.Record) {
		o, err := topic.DecodeOutput(r.Value)
		require.NoError(w.t, err)
		if o.Run == e.Run && o.Fence == e.Fence {
			require.Equal(w.t, string(o.Run), string(r.Key))
			require.Equal(w.t, topic.Partition(string(o.Run), 3), r.Partition, "output goes by key")
			require.Equal(w.t, len(all), o.Seq, "chunks are numbered from 0, in order")
			require.LessOrEqual(w.t, len(o.Data), 64<<10)
			require.Equal(w.t, e.Attempt, o.Attempt)
			all = append(all, o)
		}
	})
	return all
}

func (w *world) awaitOutput(e run.Event) {
	w.t.Helper()
	w.await("the last chunk of "+e.Job, func() bool {
		all := w.chunks(e)
		return len(all) > 0 && all[len(all)-1].Last
	})
}

// output is what is kept of each stream, once it is complete.
func (w *world) output(e run.Event) map[string]string {
	w.t.Helper()
	w.awaitOutput(e)
	streams, cut := map[string]*bytes.Buffer{}, int64(0)
	for i, o := range w.chunks(e) {
		require.Equal(w.t, i == len(w.chunks(e))-1, o.Last)
		if len(o.Data) > 0 {
			if streams[o.Stream] == nil {
				streams[o.Stream] = &bytes.Buffer{}
			}
			streams[o.Stream].Write(o.Data)
		}
		cut += o.CutBytes
	}
	require.Equal(w.t, e.Outcome.OutputCutBytes, cut, "where something is left out, a chunk says how much")
	all := map[string]string{}
	for name, b := range streams {
		all[name] = b.String()
	}
	return all
}

func TestCancelEndsARunAndAllThatItStarted(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	mark := w.mark()
	w.apply(fmt.Sprintf("  - {name: long, command: '%snote start; sh -c \"sleep %s\" & setsid sleep %s & wait', retries: 2}\n", site.Note, mark, mark))
	id := w.ask("long")
	w.await("it to start", func() bool { return w.noted(check.WordStart, "long") == 1 && running(t, mark) >= 2 })
	w.run("cancel", string(id))
	end := w.awaitEvent(id, run.EventFinished)
	require.Equal(t, run.StateCancelled, end.Outcome.State)
	require.Equal(t, run.ReasonCancelled, end.Outcome.Reason)
	w.await("all of it to be gone", func() bool { return running(t, mark) == 0 })
	require.Equal(t, run.StateCancelled, w.awaitEvent(id, run.EventEnded).State)
}

func TestNothingThatACommandStartedOutlivesIt(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	mark := w.mark()
	w.apply(fmt.Sprintf("  - {name: leaves, command: 'sleep %s & setsid sleep %s & sleep 0.3'}\n", mark, mark))
	end := w.awaitEvent(w.ask("leaves"), run.EventFinished)
	require.Equal(t, run.StateSucceeded, end.Outcome.State)
	require.Zero(t, running(t, mark))
}

func TestWhatMayLingerLivesOnUnlessItsCommandIsStopped(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	left, stopped := w.mark(), w.mark()
	w.apply(fmt.Sprintf(`
  - {name: leaves, linger: true, command: 'sleep %s >/dev/null 2>&1 & true'}
  - {name: stopped, linger: true, timeout: 1s, command: 'sleep %s & sleep 300'}
`, left, stopped))
	end := w.awaitEvent(w.ask("leaves"), run.EventFinished)
	require.Equal(t, run.StateSucceeded, end.Outcome.State)
	end = w.awaitEvent(w.ask("stopped"), run.EventFinished)
	require.Equal(t, run.StateTimedOut, end.Outcome.State)
	require.Zero(t, running(t, stopped))
	w.processes["w"].Kill()
	require.Equal(t, 1, running(t, left))
	endAll(t, left)
}

func TestARecalledRunIsDropped(t *testing.T) {
	takesLong(t)
	w := newWorld(t, 20*time.Second)
	w.worker("w")
	due := time.Now().Add(15 * time.Second)
	job := "  - {name: edited, schedule: \"%s\", seconds: true, command: '" + site.Note + "note start'}\n"
	w.apply(fmt.Sprintf(job, at(due)))
	w.await("the claim", func() bool { return len(w.eventsOf("edited", run.EventClaimed)) == 1 })
	claim := w.eventsOf("edited", run.EventClaimed)[0]
	w.apply(fmt.Sprintf(job, at(due.Add(-24*time.Hour))))
	dropped := w.awaitEvent(claim.Run, run.EventDropped)
	require.Equal(t, run.ReasonEdited, dropped.Reason)
	require.Equal(t, claim.Fence, dropped.Fence)
	require.True(t, dropped.stored.Before(due), "it is dropped at once, not when it is due")
	w.until(due.Add(2 * time.Second))
	require.Zero(t, w.noted(check.WordStart, "edited"))
	last := w.latest("w")
	require.False(t, lists(last.Held, last.Claims.Held, claim))
}

// TestAnOldRunIsStartedOnlyOnceItIsConfirmed: what was staged more than a
// minute ago may have ended long since. The shard never heard of this one.
func TestAnOldRunIsStartedOnlyOnceItIsConfirmed(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	w.apply("  - {name: old, command: '" + site.Note + "note start'}\n")
	old := time.Now().Add(-2 * time.Minute)
	id := run.NewID("old", old, "")
	value, err := topic.EncodeRun(run.Run{
		ID: id, Job: "old", Cluster: cluster, Due: old, NotBefore: old, StagedAt: old.Add(-time.Second), Attempt: 1, Fence: 1,
		Trigger: run.TriggerSchedule, Shard: topic.Partition("old", shards), OnLost: "retry",
		Command: []string{"/bin/sh", "-c", "echo >> " + w.journalPath() + ".old"},
	})
	require.NoError(t, err)
	w.produce(w.names.Runs(cluster), 1, string(id), string(value))
	claim := w.awaitEvent(id, run.EventClaimed)
	require.True(t, claim.Confirm)
	dropped := w.awaitEvent(id, run.EventDropped)
	require.Empty(t, slices.DeleteFunc(w.eventsOf("old"), func(e written) bool { return e.Type != run.EventStarting }), dropped.Reason)
	require.NoFileExists(t, w.journalPath()+".old")
}

func (w *world) produce(name string, partition int32, key, value string) kgo.Record {
	w.t.Helper()
	r, err := w.cl.ProduceSync(context.WithoutCancel(w.t.Context()), &kgo.Record{Topic: name, Partition: partition, Key: []byte(key), Value: []byte(value)}).First()
	require.NoError(w.t, err)
	return *r
}

func TestWhatCannotBeReadGoesToDeadLettersAndTheQueueGoesOn(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	w.apply("  - {name: ok, command: ['true']}\n")
	good := func(change func(*run.Run)) string {
		r := run.Run{
			ID: run.NewID("ok", time.Now(), "x"), Job: "ok", Cluster: cluster, Due: time.Now(), NotBefore: time.Now(), StagedAt: time.Now(),
			Attempt: 1, Fence: 1, Trigger: run.TriggerManual, Shard: topic.Partition("ok", shards), OnLost: "fail", Command: []string{"true"},
		}
		change(&r)
		value, err := topic.EncodeRun(r)
		require.NoError(t, err)
		return string(value)
	}
	id := func(value string) string {
		r, err := topic.DecodeRun([]byte(value), cluster)
		require.NoError(t, err)
		return string(r.ID)
	}
	stranger := good(func(r *run.Run) { r.Cluster = "cluster-b" })
	misplaced := good(func(r *run.Run) { r.Shard = (r.Shard + 1) % shards })
	var places []topic.Place
	for _, bad := range []struct{ key, value string }{
		{"x", "{"},
		{"x", `{"v":9}`},
		{"x", `[1]`},
		{"x", "\xff\xfe"},
		{"x", `{"v":1,"run":"x"}`},
		{"x", `{"v":1,"run":7}`},
		{"x", strings.Replace(good(func(r *run.Run) { r.ID = "x" }), `"fence":1`, `"fence":9223372036854775807`, 1)},
		{"someone-else", good(func(*run.Run) {})},
		{id(stranger), stranger},
		{id(misplaced), misplaced},
		{"x", strings.Replace(good(func(r *run.Run) { r.ID = "x" }), `"fence":1`, `"fence":1,"fence":2`, 1)},
		{"x", strings.Replace(good(func(r *run.Run) { r.ID = "x" }), `"fence":1`, `"fence":"1"`, 1)},
		{"x", ""},
		{"long", strings.Repeat("x", 40_000)},
	} {
		for _, name := range []string{w.names.Runs(cluster), w.names.Retries(cluster)} {
			r := w.produce(name, 2, bad.key, bad.value)
			places = append(places, topic.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset})
		}
	}
	var letters map[string]run.DeadLetter
	w.await("all dead letters", func() bool {
		letters = map[string]run.DeadLetter{}
		w.read(w.names.DeadOf(cluster), func(r *kgo.Record) {
			d, err := topic.DecodeDeadLetter(r.Value)
			require.NoError(t, err)
			require.Equal(t, topic.Place{Topic: d.Topic, Partition: d.Partition, Offset: d.Offset}.String(), string(r.Key))
			require.NotContains(t, letters, string(r.Key), "each is kept once")
			letters[string(r.Key)] = d
		})
		return len(letters) == len(places)
	})
	for _, place := range places {
		d := letters[place.String()]
		require.NotEmpty(t, d.Reason, place.String())
		require.NotEmpty(t, d.By, place.String())
		require.NotEmpty(t, d.Key, place.String())
		require.LessOrEqual(t, len(d.Value), 16<<10)
		require.True(t, string(d.Key) != "long" || d.ValueBytes == 40_000, "what is cut is named")
	}
	require.Equal(t, run.StateSucceeded, w.awaitEvent(w.ask("ok"), run.EventFinished).Outcome.State)
}

func TestRetriesAreTakenToo(t *testing.T) {
	w := newWorld(t, 5*time.Second)
	w.worker("w")
	w.apply("  - {name: flaky, command: '[ $BELFRY_ATTEMPT = 2 ]', retries: 2, retry_backoff: {initial: 500ms, factor: 1, jitter: 0}}\n")
	id := w.ask("flaky")
	w.await("the second attempt to succeed", func() bool {
		for _, e := range w.eventsOf("flaky", run.EventFinished) {
			if e.Run == id && e.Attempt == 2 {
				return e.Outcome.State == run.StateSucceeded
			}
		}
		return false
	})
}
