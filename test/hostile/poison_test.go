package hostile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/topic"
)

// large is the size of fields that are far too large for a report.
const large = 600_000

// poison is one record that nobody should send.
type poison struct {
	kind string
	*kgo.Record
	// letter says that the record cannot be read by whoever reads the topic,
	// so that it must stand in dead letters.
	letter bool
}

// targets are the topics that members read and write.
func (w *world) targets() []string {
	n := w.names
	return []string{
		n.Jobs(), n.Commands(), n.Events(), n.State(), n.Members(), n.Control(), n.Runs(home), n.Retries(home),
		n.Runs(away), n.Output(home), n.DeadOf(home), n.Dead(),
	}
}

// aim addresses a value to a topic: to a partition that somebody reads, with
// a key that no good job has.
func (w *world) aim(kind, name string, value []byte) poison {
	key := fmt.Sprintf("victim-%d", w.dice.Uint32())
	r := &kgo.Record{Topic: name, Key: []byte(key), Value: value}
	switch name {
	case w.names.Jobs(), w.names.Commands(), w.names.Events(), w.names.State():
		r.Partition = topic.Partition(key, shards)
	case w.names.Control():
		r.Partition = topic.ControlPartition(home, topic.ControlPartitions)
	case w.names.Runs(home), w.names.Retries(home), w.names.Runs(away), w.names.Output(home):
		r.Partition = w.dice.Int32N(3)
	}
	p := poison{kind: kind, Record: r}
	p.letter = w.unreadable(r) != nil
	return p
}

// unreadable is why a record cannot be read, nil also for one in a topic that
// no member reads.
func (w *world) unreadable(r *kgo.Record) error {
	var err error
	n := w.names
	switch r.Topic {
	case n.Jobs(), n.State(), n.Members(), n.Control():
		if len(r.Value) == 0 {
			return nil // a tombstone
		}
	}
	switch r.Topic {
	case n.Jobs():
		_, err = topic.DecodeJob(r.Value)
	case n.Commands():
		_, err = topic.DecodeRequest(r.Value)
	case n.Events():
		_, err = topic.DecodeEvent(r.Value)
	case n.State():
		_, err = topic.DecodeState(r.Value)
	case n.Members():
		_, err = topic.DecodeBeat(r.Value)
	case n.Control():
		_, err = topic.DecodeControl(r.Value)
	case n.Runs(home), n.Retries(home):
		_, err = topic.DecodeRun(r.Value, home)
	case n.Runs(away):
		_, err = topic.DecodeRun(r.Value, away)
	}
	return err
}

// garbage is bytes of all sizes that Kafka takes, with and without a key.
func (w *world) garbage() []poison {
	sizes := []int{0, 1, 1, 300, 300, 64 << 10, 760_000, 990_000}
	value := make([]byte, sizes[w.dice.IntN(len(sizes))])
	for i := range value {
		value[i] = byte(w.dice.Uint32())
	}
	p := w.aim("garbage", w.anyTopic(), value)
	which := w.dice.IntN(6)
	if p.Topic == w.names.State() {
		which = 5 // of two under one key only the later counts
	}
	switch which {
	case 0:
		p.Key = nil
	case 1:
		p.Key = value[:min(len(value), 100_000)]
	case 2:
		if p.Value = nil; p.Topic != w.names.Jobs() { // there it is a deletion
			p.Key = nil
		}
		p.letter = w.unreadable(p.Record) != nil
	}
	return []poison{p}
}

// shapes are objects that are none of ours, or are written as JSON must not be.
func (w *world) shapes() []poison {
	base, name := w.base()
	open := string(bytes.TrimSuffix(base, []byte("}")))
	values := []string{
		strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
		open + `,"extra":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}",
		open + `,"v":1}`,
		open + `,"extra":"` + "\xff\xfe" + `"}`,
		open + `,"extra":"` + "\x00\x1b[2J" + `"}`,
		open + `,"\u202egnirts":"\u0000\u001b[2J\ud83d"}`,
		strings.Replace(string(base), `"v":1`, `"v":99`, 1),
		open, "[]", "null", `""`, "{}", "0", string(base) + string(base),
	}
	p := w.aim("shape", name, []byte(values[w.dice.IntN(len(values))]))
	if w.dice.IntN(4) == 0 {
		p.Headers = append(p.Headers, kgo.RecordHeader{Key: strings.Repeat("h", 1000), Value: make([]byte, 100_000)})
	}
	return []poison{p}
}

// swaps are what a field is replaced by: the wrong type, nothing, and values
// beyond every range.
func swaps() []any {
	number := func(text string) any { return json.Number(text) }
	return []any{
		nil, true,
		[]any{},
		map[string]any{},
		"", "x", "\u202e\u0000\u001b[2J", strings.Repeat("y", large),
		"0000-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "NaN", "Infinity",
		number("-1"), number("0"), number("12345"), number("9007199254740993"), number("4611686018427387904"),
		number("9223372036854775807"), number("-9223372036854775808"), number("1e308"), number("0.5"), number("1e999"),
		[]any{strings.Repeat("z", large)},
		map[string]any{"k": strings.Repeat("z", large)},
	}
}

// swapped is a good record of which one field is replaced.
func (w *world) swapped() []poison {
	base, name := w.base()
	var record map[string]any
	d := json.NewDecoder(bytes.NewReader(base))
	d.UseNumber()
	require.NoError(w.t, d.Decode(&record))
	fields := leaves(record, nil)
	path := fields[w.dice.IntN(len(fields))]
	options := swaps()
	replace(record, path, options[w.dice.IntN(len(options))])
	value, err := json.Marshal(record)
	require.NoError(w.t, err)
	p := w.aim("swapped "+strings.Join(path, "."), name, value)
	// The key goes with the name of the job, as far as Kafka takes it.
	if name == w.names.Jobs() {
		if j, err := topic.DecodeJob(value); err == nil && j.Job.Name != "" {
			p.Key = []byte(j.Job.Name)
			p.Partition = topic.Partition(j.Job.Name, shards)
		}
	}
	return []poison{p}
}

// leaves are the paths of all fields, objects among them.
func leaves(record map[string]any, under []string) [][]string {
	var all [][]string
	for name, value := range record {
		path := append(slices.Clone(under), name)
		all = append(all, path)
		if object, ok := value.(map[string]any); ok {
			all = append(all, leaves(object, path)...)
		}
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

func replace(record map[string]any, path []string, value any) {
	if len(path) > 1 {
		replace(record[path[0]].(map[string]any), path[1:], value)
		return
	}
	record[path[0]] = value
}

func (w *world) anyTopic() string { return w.targets()[w.dice.IntN(len(w.targets()))] }

// send plants what the attacker made up. What the client itself refuses never
// reaches a topic.
func (w *world) send(all []poison) {
	w.t.Helper()
	for _, p := range all {
		p.Headers = append(p.Headers, kgo.RecordHeader{Key: mark})
		err := w.cl.ProduceSync(w.t.Context(), p.Record).FirstErr()
		if errors.Is(err, kgo.ErrRecordTimeout) || err != nil && strings.Contains(err.Error(), "TOO_LARGE") {
			continue
		}
		require.NoError(w.t, err, p.kind)
		w.mu.Lock()
		p.Value = p.Value[:min(len(p.Value), 200)]
		w.planted[topic.Place{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset}] = p
		w.mu.Unlock()
	}
}
