package hostile

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
)

// maxLetter bounds a dead letter, and maxLine a line of the log, in bytes.
const maxLetter, maxLine = 64 << 10, 16 << 10

// asked reads what to live through from the environment: FOR=10m SEED=7. The
// short form always sends the same; whoever asks for longer gets a new seed.
func asked(t *testing.T) (span time.Duration, seed uint64) {
	t.Helper()
	var err error
	span, seed = 10*time.Second, 1
	if text := os.Getenv("FOR"); text != "" {
		span, err = time.ParseDuration(text)
		require.NoError(t, err)
		seed = uint64(time.Now().UnixNano())
	}
	if text := os.Getenv("SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	return span, seed
}

// live starts all members and puts the good jobs into force.
func (w *world) live() (from time.Time) {
	w.t.Helper()
	for _, name := range []string{"scheduler-1", "scheduler-2"} {
		w.scheduler(name)
	}
	w.worker("worker-1", home)
	w.worker("worker-2", home)
	w.worker("worker-3", away)
	w.pass(3 * time.Second) // until the shards know the workers
	from = time.Now()
	w.populate()
	return from
}

func everyone() []string {
	return []string{"scheduler-1", "scheduler-2", "worker-1", "worker-2", "worker-3"}
}

// kinds are what is sent, in turn at random; KINDS=garbage,stranger sends those
// alone.
func (w *world) kinds() []func() []poison {
	all := map[string][]func() []poison{
		"garbage":   {w.garbage, w.garbage},
		"shape":     {w.shapes, w.shapes},
		"swapped":   {w.swapped, w.swapped, w.swapped, w.swapped, w.swapped, w.swapped},
		"elsewhere": {w.elsewhere},
		"stranger":  {w.strangers, w.strangers},
		"misplaced": {w.misplaced, w.misplaced},
	}
	names := slices.Sorted(maps.Keys(all))
	if text := os.Getenv("KINDS"); text != "" {
		names = strings.Split(text, ",")
	}
	var kinds []func() []poison
	for _, name := range names {
		kinds = append(kinds, all[name]...)
	}
	return kinds
}

func TestNothingThatIsSentStopsTheOthers(t *testing.T) {
	t.Parallel()
	span, seed := asked(t)
	t.Logf("SEED=%d", seed)
	w := newWorld(t, seed)
	from := w.live()
	kinds := w.kinds()
	bursts, asks := 0, 0
	for began := time.Now(); time.Since(began) < span; w.pass(time.Duration(w.dice.IntN(40)) * time.Millisecond) {
		w.send(kinds[w.dice.IntN(len(kinds))]())
		if since := time.Since(began); since > time.Duration(bursts+1)*8*time.Second {
			bursts++
			w.send(w.burst())
		} else if since > time.Duration(asks)*time.Second {
			asks++
			w.ask(strconv.Itoa(asks))
		}
	}
	until := time.Now()
	w.settle(until)
	// Only who takes a shard over reads what stands in state.
	w.leave("scheduler-1", "scheduler-2")
	w.scheduler("scheduler-3")
	for limit := time.Now().Add(patience); len(w.missing()) > 0 && time.Now().Before(limit); {
		w.pass(time.Second)
	}
	require.Empty(t, w.missing(), "SEED=%d: unreadable, and not in dead letters", seed)
	w.leave(append(everyone()[2:], "scheduler-3")...)

	r := w.judge(from, until, check.Limits{MinStarts: int(span / time.Second), Skew: 50 * time.Millisecond, Late: 5 * time.Second, Kill: time.Second})
	require.Equal(t, check.Pass, r.Verdict, "SEED=%d, %d records: %s", seed, len(w.planted), r)
	require.Empty(t, w.count("belfry_scheduler_given_up_total", "class"), "shards were given up")
	w.requireLetters()
	t.Logf("SEED=%d: %d records, %d of them unreadable: %s", seed, len(w.planted), len(w.poisoned()), r)
}

// poisoned are the records that must stand in dead letters.
func (w *world) poisoned() map[topic.Place]poison {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := maps.Clone(w.planted)
	maps.DeleteFunc(all, func(_ topic.Place, p poison) bool { return !p.letter })
	return all
}

// letters counts the dead letters of each record that could not be read.
func (w *world) letters() map[topic.Place]int {
	w.t.Helper()
	found := map[topic.Place]int{}
	for _, name := range []string{w.names.Dead(), w.names.DeadOf(home), w.names.DeadOf(away)} {
		require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.kafka, name, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			if planted(r) {
				return nil
			}
			d, err := topic.DecodeDeadLetter(r.Value)
			require.NoError(w.t, err)
			require.LessOrEqual(w.t, len(r.Key)+len(r.Value), maxLetter, "the letter of %s/%d/%d", d.Topic, d.Partition, d.Offset)
			if d.Topic != "" {
				found[topic.Place{Topic: d.Topic, Partition: d.Partition, Offset: d.Offset}]++
			}
			return nil
		}))
	}
	return found
}

// missing are the unreadable records without a letter.
func (w *world) missing() []string {
	w.t.Helper()
	found, missing := w.letters(), []string{}
	for place, p := range w.poisoned() {
		if found[place] == 0 {
			missing = append(missing, p.kind+" in "+place.String())
		}
	}
	slices.Sort(missing)
	return missing
}

// requireLetters requires each unreadable record to be in the metrics, in the
// log and in dead letters, and there once: records that all read, and each
// may keep, may be there more often.
func (w *world) requireLetters() {
	w.t.Helper()
	poisoned, found := w.poisoned(), w.letters()
	byTopic := map[string]int{}
	logged := 0
	for place, p := range poisoned {
		byTopic[place.Topic]++
		switch place.Topic {
		case w.names.State(), w.names.Members(), w.names.Control():
			require.Positive(w.t, found[place], "%s %s", p.kind, place)
		default:
			logged++
			require.Equal(w.t, 1, found[place], "letters of %s in %s", p.kind, place)
		}
	}
	counted := w.count("belfry_scheduler_unreadable_total", "topic")
	maps.Copy(counted, w.count("belfry_worker_unreadable_total", "topic"))
	queues := w.count("belfry_worker_dead_letters_total", "")[""]
	for name, n := range byTopic {
		if _, queue := w.names.Cluster(name); queue {
			queues -= n
			continue
		}
		short := strings.TrimPrefix(name, w.names.Prefix)
		require.GreaterOrEqual(w.t, counted[short], n, "unreadable records of %s that the metrics know", name)
	}
	require.GreaterOrEqual(w.t, queues, 0, "unreadable records of queues that the metrics do not know")
	lines, longest, text := w.log.read()
	require.GreaterOrEqual(w.t, lines, logged, "lines of the log on unreadable records")
	require.LessOrEqual(w.t, longest, maxLine, "the longest line of the log begins with %s", text)
}
