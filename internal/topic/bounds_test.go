package topic_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// records returns a pointer to a zero record of every type.
func records() []any {
	return []any{
		&topic.Job{}, &run.Run{}, &run.Event{}, &run.Request{}, &run.Control{}, &run.DeadLetter{}, &run.Output{},
		&run.Notice{}, &member.Beat{}, &topic.ShardRecord{}, &shard.JobState{},
	}
}

// field is one place of a record that can hold something, and how to put it
// there. Lists and what pointers point to are made on the way.
type field struct {
	path string
	set  func(record reflect.Value, content reflect.Value)
	typ  reflect.Type
}

// fieldsOf lists the places of a record type: those of its fields, and of the
// entries of its lists.
func fieldsOf(typ reflect.Type, path string, at func(reflect.Value) reflect.Value) []field {
	here := field{path: path, typ: typ, set: func(record, content reflect.Value) { at(record).Set(content) }}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		return []field{here}
	case typ.Kind() == reflect.Pointer:
		return fieldsOf(typ.Elem(), path, func(record reflect.Value) reflect.Value {
			p := at(record)
			if p.IsNil() {
				p.Set(reflect.New(typ.Elem()))
			}
			return p.Elem()
		})
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() != reflect.Uint8:
		entry := fieldsOf(typ.Elem(), path+"[]", func(record reflect.Value) reflect.Value {
			s := at(record)
			s.Set(reflect.MakeSlice(typ, 1, 1))
			return s.Index(0)
		})
		return append(entry, here)
	case typ.Kind() == reflect.Array:
		var all []field
		for i := range typ.Len() {
			all = append(all, fieldsOf(typ.Elem(), fmt.Sprintf("%s[%d]", path, i), func(record reflect.Value) reflect.Value {
				return at(record).Index(i)
			})...)
		}
		return all
	case typ.Kind() == reflect.Struct:
		var all []field
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			all = append(all, fieldsOf(typ.Field(i).Type, path+"."+name, func(record reflect.Value) reflect.Value {
				return at(record).Field(i)
			})...)
		}
		return all
	}
	return []field{here}
}

// absurd returns contents that a field of that type must not have.
func absurd(typ reflect.Type) []reflect.Value {
	var all []reflect.Value
	add := func(contents ...any) {
		for _, c := range contents {
			all = append(all, reflect.ValueOf(c).Convert(typ))
		}
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		add(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 12, 31, 23, 59, 59, 0, time.UTC))
	case typ == reflect.TypeFor[map[string]any]():
		add(map[string]any{"a": strings.Repeat("x", 16<<10)}, map[string]any{strings.Repeat("x", 16<<10): true},
			map[string]any{"a": []any{make([]any, 1000)}})
	case typ == reflect.TypeFor[map[string]string]():
		add(map[string]string{"a": strings.Repeat("x", topic.MaxRecord)}, map[string]string{strings.Repeat("x", topic.MaxRecord): "a"})
	case typ.Kind() == reflect.Int32:
		add(math.MinInt32, math.MaxInt32)
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64:
		add(math.MinInt64, math.MaxInt64)
	case typ.Kind() == reflect.Float64:
		add(math.Inf(1), math.Inf(-1), math.NaN(), 1e300)
	case typ.Kind() == reflect.String:
		add(strings.Repeat("x", 600_000))
	case typ.Kind() == reflect.Slice:
		all = append(all, reflect.MakeSlice(typ, topic.MaxRecord+1, topic.MaxRecord+1))
	case typ.Kind() != reflect.Bool:
		add(fmt.Sprintf("nobody knows what %v must not be", typ))
	}
	return all
}

// TestEveryFieldHasABound: a field that is added to a record fails this until
// fields.go says what it may hold. The version is bounded by the decoder.
func TestEveryFieldHasABound(t *testing.T) {
	for _, record := range records() {
		typ := reflect.TypeOf(record).Elem()
		require.NoError(t, topic.Check(reflect.New(typ).Interface()), "a record of zeros")
		for _, f := range fieldsOf(typ, typ.Name(), func(record reflect.Value) reflect.Value { return record }) {
			if strings.HasSuffix(f.path, ".v") || strings.HasSuffix(f.path, ".-") {
				continue
			}
			for _, content := range absurd(f.typ) {
				if f.path == "Beat.seq" && content.Int() > 0 {
					continue // only compared; a scheduler's last beat has the last number
				}
				r := reflect.New(typ)
				f.set(r.Elem(), content)
				err := topic.Check(r.Interface())
				require.Error(t, err, "%s has no bound against %.40v", f.path, content)
				require.Less(t, len(err.Error()), 200)
			}
		}
	}
}

// ascending returns n rows of one number each.
func ascending(n int) []run.Row {
	all := make([]run.Row, n)
	for i := range all {
		all[i] = run.Row{int64(2*i + 1), int64(2*i + 1)}
	}
	return all
}

// TestBounds: of each kind of bound, what it still takes and what it does not.
func TestBounds(t *testing.T) {
	const year = 365 * 24 * time.Hour
	text := func(n int) string { return strings.Repeat("ä", n/2) + strings.Repeat("x", n%2) }
	at := func(text string) time.Time {
		instant, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return instant
	}
	for name, c := range map[string]struct {
		takes, refuses any
		says           string
	}{
		"a name": {&run.Event{Job: text(200)}, &run.Event{Job: text(201)}, "job is 201 bytes long; at most 200 are read"},
		"a cluster": {
			&run.Control{Cluster: text(100)}, &run.Control{Cluster: text(101)}, "cluster is 101 bytes long",
		},
		"a writer":       {&run.Event{By: text(256)}, &run.Event{By: text(257)}, "by is 257 bytes long"},
		"a request's ID": {&run.Request{ID: text(256)}, &run.Request{ID: text(257)}, "id is 257 bytes long"},
		"a run's ID": {
			&run.Run{ID: run.ID(strings.Repeat("x", 64))}, &run.Run{ID: run.ID(strings.Repeat("x", 65))}, "run is 65 bytes long",
		},
		"a run's ID that is not one word": {&run.Run{ID: "!~"}, &run.Run{ID: "a b"}, "run holds byte 0x20"},
		"a run's ID that JSON escapes":    {&run.Run{ID: "'"}, &run.Run{ID: `a"b`}, "run holds byte 0x22"},
		"a run's ID beyond ASCII":         {&run.Run{ID: "a"}, &run.Run{ID: "ä"}, "run holds byte 0xc3"},
		"a reason":                        {&run.Event{Reason: text(2048)}, &run.Event{Reason: text(2049)}, "reason is 2049 bytes long"},
		"the end of the output": {
			&run.Event{Outcome: &run.Outcome{Tail: text(8 << 10)}},
			&run.Event{Outcome: &run.Outcome{Tail: text(8<<10 + 1)}}, "outcome.tail is 8193 bytes long",
		},
		"a chunk": {&run.Output{Data: make([]byte, 80<<10)}, &run.Output{Data: make([]byte, 80<<10+1)}, "data has 81921 entries"},
		"the first instant": {
			&run.Event{Due: at("0000-01-01T00:00:00Z")}, &run.Event{Due: at("0000-01-01T00:00:00+00:01")}, "due is in the year -1 by UTC",
		},
		"the last instant": {
			&run.Event{Due: at("9999-12-31T23:59:59.999999999Z")}, &run.Event{Due: at("9999-12-31T23:59:59-00:01")}, "due is in the year 10000 by UTC",
		},
		"an incarnation": {&member.Beat{Incarnation: member.LastLife}, &member.Beat{Incarnation: member.LastLife + 1}, "incarnation is 4611686018427387905"},
		"a fence":        {&run.Run{Fence: 0}, &run.Run{Fence: -1}, "fence is -1; it is between 0 and"},
		"a fence to count up from": {
			&shard.JobState{Fence: 1 << 61}, &shard.JobState{Fence: 1<<61 + 1}, "fence is 2305843009213693953",
		},
		"a partition":  {&run.Run{Shard: 100_000}, &run.Run{Shard: 100_001}, "shard is 100001"},
		"no partition": {&member.Beat{Shards: []int32{0}}, &member.Beat{Shards: []int32{0, -1}}, "shards is -1"},
		"hops":         {&run.Run{Hops: 1_000_000}, &run.Run{Hops: 1_000_001}, "hops is 1000001"},
		"a timeout":    {&run.Run{Timeout: job.MaxDuration}, &run.Run{Timeout: job.MaxDuration + 1}, "timeout_ms is"},
		"a timeout before the start": {
			&run.Run{}, &run.Run{Timeout: -1}, "timeout_ms is -1",
		},
		"a window of a job": {
			&topic.Job{Job: job.Job{Jitter: -job.MaxDuration}}, &topic.Job{Job: job.Job{Jitter: -job.MaxDuration - 1}}, "job.jitter_ms is",
		},
		"the time of many processors": {
			&run.Event{Outcome: &run.Outcome{CPUTime: 100 * year}}, &run.Event{Outcome: &run.Outcome{CPUTime: 200 * year}}, "outcome.cpu_ms is",
		},
		"keys": {
			&member.Beat{Held: make([]string, 10_000)}, &member.Beat{Held: make([]string, 10_001)}, "held has 10001 entries",
		},
		"a key": {
			&member.Beat{Started: []string{strings.Repeat("x", 96)}}, &member.Beat{Started: []string{strings.Repeat("x", 97)}}, "started is 97 bytes long",
		},
		"rows of claims": {
			&member.Beat{Claims: run.Claims{Held: []run.Row{{1, 1}, {2, 1 << 62}}}},
			&member.Beat{Claims: run.Claims{Held: []run.Row{{1, 1}, {2, 1<<62 + 1}}}}, "claims.held is 4611686018427387905",
		},
		"rows in order": {
			&member.Beat{Claims: run.Claims{Started: []run.Row{{4, 7}, {8, 8}}}},
			&member.Beat{Claims: run.Claims{Started: []run.Row{{4, 7}, {7, 8}}}}, "claims.started holds the row [7 8] behind 7",
		},
		"a row that begins behind its end": {
			&member.Beat{Claims: run.Claims{Held: []run.Row{{4, 4}}}},
			&member.Beat{Claims: run.Claims{Held: []run.Row{{4, 3}}}}, "claims.held holds the row [4 3]",
		},
		"as many rows": {
			&member.Beat{Claims: run.Claims{Held: ascending(10_000)}},
			&member.Beat{Claims: run.Claims{Held: ascending(10_001)}}, "claims.held has 10001 entries",
		},
		"unfinished runs": {
			&shard.JobState{Active: make([]shard.Active, 1100)}, &shard.JobState{Active: make([]shard.Active, 1101)}, "active has 1101 entries",
		},
		"unknown fields": {
			&run.Event{Unknown: map[string]any{"a": text(16_000)}}, &run.Event{Unknown: map[string]any{"a": text(17_000)}},
			"unknown fields take 17013 bytes; at most 16384 are kept",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, topic.Check(c.takes))
			require.ErrorContains(t, topic.Check(c.refuses), c.says)
		})
	}
}

// TestReleasesBeforeTheListsReadThem: of what is held back, the longest lists
// fit what a reader that does not know them keeps as unknown fields.
func TestReleasesBeforeTheListsReadThem(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	var r topic.ShardRecord
	var b member.Beat
	for range topic.MaxListed {
		r.Aside = append(r.Aside, topic.Aside{Job: long(200), Reason: long(64)})
		b.Closed = append(b.Closed, member.Closed{Cluster: long(100), Reason: long(64)})
	}
	r.AsideMore, b.ClosedMore = 1<<62, 1<<62
	require.NoError(t, topic.Check(&r))
	require.NoError(t, topic.Check(&b))
	for record, lists := range map[any][]string{&r: {"aside", "aside_more"}, &b: {"closed", "closed_more"}} {
		value, err := topic.Marshal(record)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(value, &fields))
		unknown := map[string]any{}
		for _, name := range lists {
			require.Contains(t, fields, name)
			unknown[name] = fields[name]
		}
		require.NoError(t, topic.Check(&topic.ShardRecord{Unknown: unknown}))
	}
}

// TestDecodersHoldRecordsAgainstTheirBounds: each of them.
func TestDecodersHoldRecordsAgainstTheirBounds(t *testing.T) {
	long := strings.Repeat("x", 600_000)
	for kind, value := range map[string]string{
		"job":     `{"applied_by":"` + long + `","job":{"name":"a","command":["true"]}}`,
		"run":     `{"run":"` + long + `","job":"b","command":["c"],"attempt":1}`,
		"event":   `{"type":"claimed","job":"` + long + `"}`,
		"command": `{"type":"run","job":"a","id":"` + long + `"}`,
		"control": `{"type":"recall","reason":"` + long + `"}`,
		"dead":    `{"reason":"` + long + `"}`,
		"notice":  `{"type":"notice","id":"a","job":"b","error":"` + long + `"}`,
		"output":  `{"run":"a","stream":"` + long + `"}`,
		"beat":    `{"id":"a","role":"worker","host":"` + long + `"}`,
		"state":   `{"job":"a","version":"` + long + `"}`,
		"shard":   `{"owner":"` + long + `"}`,
	} {
		_, err := recode(kind, []byte(value))
		require.ErrorContains(t, err, "is 600000 bytes long; at most ", kind)
		_, err = recode(kind, []byte(`{"later":"`+long+long+`"}`))
		require.ErrorContains(t, err, "the record is 1200012 bytes long; at most 950000 are read", kind)
	}
}

// TestWhatIsReadCanBeWritten: whatever one reads fits a record again, also if
// it was written to be as short as it can be for what it holds.
func TestWhatIsReadCanBeWritten(t *testing.T) {
	dense := map[string]string{
		"state":   `{"job":"a","active":[{}` + strings.Repeat(",{}", 1099) + `],"deferred":[{}` + strings.Repeat(",{}", 1099) + `]}`,
		"job":     `{"job":{"name":"a","blackouts":[{}` + strings.Repeat(",{}", 999) + `],"except_on":[{"rules":[{}` + strings.Repeat(",{}", 399) + `]}]}}`,
		"control": `{"a":[1e20` + strings.Repeat(",1e20", 580) + `]}`,
		"beat":    `{"id":"a","role":"worker","held":[""` + strings.Repeat(`,""`, 9_999) + `]}`,
	}
	for kind, value := range dense {
		written, err := recode(kind, []byte(value))
		require.NoError(t, err, kind)
		require.Less(t, len(written), topic.MaxRecord, kind)
	}
	_, err := recode("control", []byte(`{"a":[1e20`+strings.Repeat(",1e20", 100_000)+`]}`))
	require.ErrorContains(t, err, "unknown fields")
	_, err = recode("beat", []byte(`{"id":"a","role":"worker","shards":[0`+strings.Repeat(",0", 9_999)+`],"held":["`+
		strings.Repeat("x", 96)+`"`+strings.Repeat(`,"`+strings.Repeat("x", 90)+`"`, 9_900)+`]}`))
	require.NoError(t, err, "just below the most")
	_, err = recode("state", []byte(`{"job":"a","active":[{}`+strings.Repeat(",{}", 1099)+`],"requests":["`+
		strings.Repeat("x", 4000)+`"`+strings.Repeat(`,"`+strings.Repeat("x", 4000)+`"`, 220)+`]}`))
	require.ErrorContains(t, err, "bytes when it is written again; at most 950000 are read")
}

// TestWhateverIsReadCanBeWritten: records with any contents, most of which
// have something beyond its bound.
func TestWhateverIsReadCanBeWritten(t *testing.T) {
	kinds := map[reflect.Type]string{
		reflect.TypeFor[topic.Job](): "job", reflect.TypeFor[run.Run](): "run", reflect.TypeFor[run.Event](): "event",
		reflect.TypeFor[run.Request](): "command", reflect.TypeFor[run.Control](): "control",
		reflect.TypeFor[run.DeadLetter](): "dead", reflect.TypeFor[run.Output](): "output",
		reflect.TypeFor[run.Notice](): "notice", reflect.TypeFor[member.Beat](): "beat", reflect.TypeFor[shard.JobState](): "state", reflect.TypeFor[topic.ShardRecord](): "shard",
	}
	read := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		record := reflect.ValueOf(rapid.SampledFrom(records()).Draw(t, "record"))
		typ := record.Type().Elem()
		r := reflect.New(typ)
		if j, ok := reflect.TypeAssert[*topic.Job](r); ok {
			j.Job.Name = "a"
		}
		all := fieldsOf(typ, typ.Name(), func(record reflect.Value) reflect.Value { return record })
		for _, f := range rapid.SliceOfN(rapid.SampledFrom(all), 0, 4).Draw(t, "fields") {
			if content, ok := anything(t, f.typ); ok && !strings.HasSuffix(f.path, ".v") {
				f.set(r.Elem(), content)
			}
		}
		for _, name := range []string{"ID", "Job", "Type", "Role", "Attempt", "Command"} { // what no record is without
			if f := r.Elem().FieldByName(name); f.IsValid() && f.IsZero() {
				switch f.Kind() {
				case reflect.String:
					f.SetString("a")
				case reflect.Int:
					f.SetInt(1)
				case reflect.Slice:
					f.Set(reflect.ValueOf([]string{"true"}))
				}
			}
		}
		value, err := topic.Marshal(r.Interface())
		require.NoError(t, err)
		written, err := recode(kinds[typ], value)
		if err != nil {
			return
		}
		read[kinds[typ]]++
		require.Less(t, len(written), topic.MaxRecord)
		_, err = recode(kinds[typ], written)
		require.NoError(t, err, "what was written is read again")
	})
	t.Log("records read, of each kind:", read)
}

// anything returns some content for a field of that type.
func anything(t *rapid.T, typ reflect.Type) (reflect.Value, bool) {
	sizes := rapid.SampledFrom([]int{0, 1, 64, 96, 200, 1000, 2048, 4096, 8192, 10_000, 80 << 10, 250_000, 700_000})
	switch {
	case typ == reflect.TypeFor[time.Time]():
		seconds := rapid.SampledFrom([]int64{0, 1_800_000_000, 253_402_300_799, -62_135_596_800}).Draw(t, "instant")
		return reflect.ValueOf(time.Unix(seconds, 999_999_999).UTC()), true
	case typ.Kind() == reflect.String:
		text := rapid.SampledFrom([]string{"x", "\x01", "ä"}).Draw(t, "letter")
		return reflect.ValueOf(strings.Repeat(text, sizes.Draw(t, "length"))).Convert(typ), true
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64 || typ.Kind() == reflect.Int32:
		return reflect.ValueOf(rapid.SampledFrom([]int{0, 1, 1000, 1 << 40, 1 << 62, -1}).Draw(t, "number")).Convert(typ), true
	case typ.Kind() == reflect.Slice:
		n := sizes.Draw(t, "entries")
		return reflect.MakeSlice(typ, n, n), true
	case typ == reflect.TypeFor[map[string]any]():
		numbers := make([]any, sizes.Draw(t, "numbers")/10)
		for i := range numbers {
			numbers[i] = 1e20
		}
		return reflect.ValueOf(map[string]any{"later": numbers}), true
	}
	return reflect.Value{}, false
}
