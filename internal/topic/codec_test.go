package topic_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// kindOf returns the kind of record a fixture's name begins with.
func kindOf(file string) string {
	kind, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
	return kind
}

// recode decodes a record and encodes it again.
func recode(kind string, value []byte) ([]byte, error) {
	switch kind {
	case "job":
		return again(topic.DecodeJob, topic.EncodeJob, value)
	case "run":
		decode := func(v []byte) (run.Run, error) { return topic.DecodeRun(v, "cluster-z") }
		return again(decode, topic.EncodeRun, value)
	case "event":
		return again(topic.DecodeEvent, topic.EncodeEvent, value)
	case "command":
		return again(topic.DecodeRequest, topic.EncodeRequest, value)
	case "control":
		return again(topic.DecodeControl, topic.EncodeControl, value)
	case "dead":
		return again(topic.DecodeDeadLetter, topic.EncodeDeadLetter, value)
	case "notice":
		return again(topic.DecodeNotice, topic.EncodeNotice, value)
	case "output":
		return again(topic.DecodeOutput, topic.EncodeOutput, value)
	case "beat":
		return again(topic.DecodeBeat, topic.EncodeBeat, value)
	case "state":
		return again(topic.DecodeState, topic.EncodeState, value)
	case "audit":
		return again(topic.DecodeAudit, topic.EncodeAudit, value)
	case "token":
		return again(topic.DecodeToken, topic.EncodeToken, value)
	case "shard":
		return again(topic.DecodeShard, topic.EncodeShard, value)
	}
	return nil, os.ErrNotExist
}

func again[T any](decode func([]byte) (T, error), encode func(T) ([]byte, error), value []byte) ([]byte, error) {
	record, err := decode(value)
	if err != nil {
		return nil, err
	}
	return encode(record)
}

func fixtures(t *testing.T, version string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", version, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return content
}

// TestRecordsOfThisVersion: what is read is written again as it was, fields
// nobody knows included.
func TestRecordsOfThisVersion(t *testing.T) {
	kinds := map[string]bool{}
	for _, file := range fixtures(t, "v1") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			value := read(t, file)
			written, err := recode(kindOf(file), value)
			require.NoError(t, err)
			require.JSONEq(t, string(value), string(written))
			kinds[kindOf(file)] = true
		})
	}
	require.Len(t, kinds, 11, "every kind of record has a fixture")
}

// TestRecordsOfVersion0: they decode for ever, and what version 1 added gets
// its default.
func TestRecordsOfVersion0(t *testing.T) {
	for _, file := range fixtures(t, "v0") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			written, err := recode(kindOf(file), read(t, file))
			require.NoError(t, err)
			var was, is map[string]any
			require.NoError(t, json.Unmarshal(read(t, file), &was))
			require.NoError(t, json.Unmarshal(written, &is))
			require.EqualValues(t, topic.Version, is["v"])
			delete(is, "v")
			switch kindOf(file) {
			case "job":
				was["job"].(map[string]any)["cluster"] = topic.DefaultCluster
			case "run":
				was["cluster"] = "cluster-z"
			}
			require.Equal(t, was, is)
		})
	}
}

func TestDecodedJob(t *testing.T) {
	j, err := topic.DecodeJob(read(t, "testdata/v1/job.json"))
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), j.AppliedAt)
	require.Equal(t, 15*time.Minute, j.Job.Timeout)
	require.Equal(t, job.Backoff{Initial: time.Second, Factor: 2, Max: time.Minute, Jitter: 0.1}, j.Job.RetryBackoff)
	require.Equal(t, job.CatchUp{Policy: job.CatchUpLast, Window: 24 * time.Hour}, j.Job.CatchUp)
}

func TestFieldsAJobLeavesOutHaveDefaults(t *testing.T) {
	j, err := topic.DecodeJob([]byte(`{"job":{"name":"hello","command":["true"]}}`))
	require.NoError(t, err)
	require.Equal(t, job.Job{Name: "hello", Command: []string{"true"}, Cluster: topic.DefaultCluster}.WithDefaults(), j.Job)
}

func TestUnreadableRecords(t *testing.T) {
	for name, c := range map[string]struct{ kind, value, says string }{
		"not JSON":             {"run", `{"v":`, "EOF"},
		"a later version":      {"run", `{"v":9,"run":"a","job":"b","command":["c"],"attempt":1}`, "unknown record version 9"},
		"a negative version":   {"event", `{"v":-1,"type":"lost","job":"a"}`, "unknown record version -1"},
		"another type":         {"job", `{"job":{"name":7}}`, "name"},
		"a job without a name": {"job", `{"job":{"command":["c"]}}`, "without a name"},
		"a run without an ID":  {"run", `{"job":"b","command":["c"],"attempt":1}`, "without an ID"},
		"a run of no attempt":  {"run", `{"run":"a","job":"b","command":["c"]}`, "attempt"},
		"an event of no type":  {"event", `{"job":"a"}`, "without a type"},
		"a command of no job":  {"command", `{"type":"run","id":"a"}`, "without a type, a job or an ID"},
		"a beat of nobody":     {"beat", `{"role":"worker"}`, "without an ID"},
		"an endless duration":  {"run", `{"run":"a","job":"b","command":["c"],"attempt":1,"timeout_ms":1e300}`, "out of range"},
		"a tombstone":          {"run", ``, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recode(c.kind, []byte(c.value))
			require.ErrorContains(t, err, c.says)
			if strings.Contains(c.says, "unknown record version") {
				require.ErrorIs(t, err, topic.ErrVersion)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	kinds := []string{"job", "run", "event", "command", "control", "dead", "output", "beat", "state", "shard"}
	for _, version := range []string{"v0", "v1"} {
		files, err := filepath.Glob(filepath.Join("testdata", version, "*.json"))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, kind := range kinds {
			once, err := recode(kind, value)
			if err != nil {
				continue
			}
			twice, err := recode(kind, once)
			require.NoError(t, err, "%s: what was written is read again", kind)
			require.Equal(t, string(once), string(twice))
		}
	})
}
