package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const townShards = 4

// town is a made-up installation: records as Belfry writes them, folded straight
// into a history.
type town struct {
	t       testing.TB
	now     time.Time
	names   topic.Names
	db      *history.DB
	records []history.Record
	offsets map[string]int64
	fence   int64
	beats   int64
}

func newTown(t testing.TB, now time.Time) *town {
	t.Helper()
	db, err := history.Open(context.Background(), history.Options{Path: filepath.Join(t.TempDir(), "history.db"), Shards: townShards})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &town{t: t, now: now, names: topic.Names{Prefix: topic.DefaultPrefix}, db: db, offsets: map[string]int64{}}
}

func (w *town) add(name string, partition int32, key string, value []byte, err error, at time.Time) {
	w.t.Helper()
	require.NoError(w.t, err)
	where := fmt.Sprintf("%s/%d", name, partition)
	w.records = append(w.records, history.Record{Topic: name, Partition: partition, Offset: w.offsets[where], At: at, Key: []byte(key), Value: value})
	w.offsets[where]++
}

// fold folds what was added since.
func (w *town) fold() {
	w.t.Helper()
	for chunk := range slices.Chunk(w.records, 2000) {
		folded, err := w.db.Fold(context.Background(), chunk)
		require.NoError(w.t, err)
		require.Zero(w.t, folded.Unreadable)
	}
	w.records = nil
}

func (w *town) shard(name string) int32 { return topic.Partition(name, townShards) }

// job puts a job into force.
func (w *town) job(j job.Job, at time.Time, by string) job.Job {
	w.t.Helper()
	j = j.WithDefaults()
	value, err := topic.EncodeJob(topic.Job{V: topic.Version, AppliedAt: at, AppliedBy: by, Job: j})
	w.add(w.names.Jobs(), w.shard(j.Name), j.Name, value, err, at)
	return j
}

// remove takes it out of force.
func (w *town) remove(name string, at time.Time) {
	w.add(w.names.Jobs(), w.shard(name), name, nil, nil, at)
}

func (w *town) event(e run.Event) {
	w.t.Helper()
	e.V = topic.Version
	value, err := topic.EncodeEvent(e)
	w.add(w.names.Events(), w.shard(e.Job), e.Job, value, err, e.At)
}

// way is how far a run goes, and how.
type way struct {
	state   run.State // succeeded, dead, started, claimed, queued or cancelled
	late    time.Duration
	took    time.Duration
	exit    int
	retries int
	worker  string
	trigger run.Trigger
	output  []run.Output // chunks of the last attempt
}

// run lets a run of the job go its way.
func (w *town) run(j job.Job, due time.Time, how way) run.ID {
	w.t.Helper()
	if how.worker == "" {
		how.worker = "worker-a1"
	}
	if how.trigger == "" {
		how.trigger = run.TriggerSchedule
	}
	id := run.NewID(j.Name, due, "")
	begin := due
	for attempt := 1; attempt <= how.retries+1; attempt++ {
		w.fence++
		e := run.Event{Job: j.Name, Run: id, Cluster: j.Cluster, Due: due, Attempt: attempt, Fence: w.fence, Trigger: how.trigger}
		at := func(t run.EventType, when time.Time, by string) run.Event {
			one := e
			one.Type, one.At, one.By = t, when, by
			return one
		}
		enqueued := at(run.EventEnqueued, begin.Add(-5*time.Second), "scheduler-1")
		enqueued.NotBefore = begin
		w.event(enqueued)
		if how.state == run.StateQueued {
			return id
		}
		w.event(at(run.EventClaimed, begin.Add(-4900*time.Millisecond), how.worker))
		if how.state == run.StateClaimed {
			return id
		}
		started := begin.Add(how.late)
		w.event(at(run.EventStarting, started.Add(-20*time.Millisecond), how.worker))
		if attempt == how.retries+1 {
			w.output(id, j, attempt, w.fence, started, how)
		}
		if how.state == run.StateStarted {
			return id
		}
		begin = w.end(at, started, attempt, how)
	}
	return id
}

// end ends an attempt, and returns when the next one begins.
func (w *town) end(at func(run.EventType, time.Time, string) run.Event, started time.Time, attempt int, how way) time.Time {
	ended := started.Add(how.took)
	if ended.After(w.now) {
		ended = w.now
	}
	finished := at(run.EventFinished, ended.Add(3*time.Millisecond), how.worker)
	finished.Outcome = &run.Outcome{
		State: run.StateSucceeded, StartedAt: started, EndedAt: ended, CPUTime: how.took / 3, PeakMemoryBytes: 48 << 20, OutputBytes: 2 << 10, Tail: "connection refused\n",
	}
	if how.state != run.StateSucceeded {
		finished.Outcome.State, finished.Outcome.ExitCode = run.StateFailed, how.exit
	}
	w.event(finished)
	switch {
	case how.state == run.StateDead && attempt <= how.retries:
		again := at(run.EventRetrying, ended.Add(10*time.Millisecond), "scheduler-1")
		again.NotBefore = ended.Add(10 * time.Second)
		w.event(again)
		return again.NotBefore
	case how.state != run.StateSucceeded:
		last := at(run.EventEnded, ended.Add(10*time.Millisecond), "scheduler-1")
		last.State, last.Reason = how.state, run.ReasonAttemptsUsed
		if how.state == run.StateCancelled {
			last.Reason = run.ReasonCancelled
		}
		w.event(last)
		if how.state == run.StateDead {
			w.letter(&last, finished.Outcome)
		}
	}
	return ended
}

func (w *town) output(id run.ID, j job.Job, attempt int, fence int64, from time.Time, how way) {
	w.t.Helper()
	for i, o := range how.output {
		o.V, o.Run, o.Attempt, o.Fence, o.Seq, o.At = topic.Version, id, attempt, fence, i, from.Add(time.Duration(i)*time.Millisecond)
		value, err := topic.EncodeOutput(o)
		w.add(w.names.Output(j.Cluster), 0, string(id), value, err, o.At)
	}
}

func (w *town) letter(e *run.Event, o *run.Outcome) {
	w.t.Helper()
	d := run.DeadLetter{
		V: topic.Version, At: e.At, By: e.By, Reason: e.Reason, Outcome: o,
		Run: &run.Run{V: topic.Version, ID: e.Run, Job: e.Job, Cluster: e.Cluster, Due: e.Due, Attempt: e.Attempt, Fence: e.Fence, Command: []string{"true"}},
	}
	value, err := topic.EncodeDeadLetter(d)
	w.add(w.names.DeadOf(e.Cluster), 0, string(e.Run), value, err, e.At)
}

// skip skips count due times together.
func (w *town) skip(j job.Job, due, through time.Time, count int, reason string) {
	w.event(run.Event{Type: run.EventSkipped, Job: j.Name, Cluster: j.Cluster, Due: due, Through: through, Count: count, Reason: reason, At: through, By: "scheduler-1"})
}

// alive lets the members beat: one scheduler, and workers of two clusters.
func (w *town) alive() {
	w.t.Helper()
	shards := []int32{0, 1, 2, 3}
	beats := []member.Beat{
		{ID: "scheduler-1", Role: member.RoleScheduler, Shards: shards},
		{ID: "worker-a1", Role: member.RoleWorker, Cluster: "cluster-a", Runs: member.Slots{Total: 16, Free: 3}, Retries: member.Slots{Total: 4, Free: 4}},
		{ID: "worker-a2", Role: member.RoleWorker, Cluster: "cluster-a", Runs: member.Slots{Total: 16, Free: 11}, Retries: member.Slots{Total: 4, Free: 3}},
		{ID: "worker-b1", Role: member.RoleWorker, Cluster: "cluster-b", Runs: member.Slots{Total: 8, Free: 6}, Retries: member.Slots{Total: 2, Free: 2}},
	}
	for range 4 {
		w.beats++
		for _, b := range beats {
			b.V, b.Incarnation, b.Seq = topic.Version, 1, w.beats
			b.At, b.StartedAt = w.now.Add(time.Duration(w.beats-4)*500*time.Millisecond), w.now.Add(-26*time.Hour)
			b.Host, b.Version, b.Zones = "host-"+b.ID[len(b.ID)-1:], "v0.9.0", "2026c"
			value, err := topic.EncodeBeat(b)
			w.add(w.names.Members(), 0, b.ID, value, err, b.At)
		}
	}
}

func (w *town) audited(r audit.Record) {
	w.t.Helper()
	r.V = topic.Version
	value, err := topic.EncodeAudit(r)
	w.add(w.names.Audit(), w.shard(r.Key()), r.Key(), value, err, r.At)
}

// site is the pages of the town.
func (w *town) site(o Options) *Site {
	w.t.Helper()
	o.History = w.db
	if o.Now == nil {
		o.Now = func() time.Time { return w.now }
	}
	s, err := New(o)
	require.NoError(w.t, err)
	return s
}

// as lets requests come from a principal, as a gate does.
func as(who access.Principal, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(access.With(r.Context(), who)))
	})
}

func admin() access.Principal {
	return access.Principal{Name: "alice@example.org", Role: access.Admin, Via: access.Web}
}

// shell is a command given to a shell.
func shell(text string) []string { return []string{"/bin/sh", "-c", text} }

// text is a chunk of output.
func chunk(stream, data string) run.Output { return run.Output{Stream: stream, Data: []byte(data)} }

// page is a page that was asked for.
type fetched struct {
	t      testing.TB
	status int
	header http.Header
	text   string
	root   *html.Node
}

// get asks for a page.
func get(t testing.TB, h http.Handler, path string) fetched {
	t.Helper()
	return ask(t, h, httptest.NewRequest(http.MethodGet, "http://belfry.example"+path, nil))
}

func ask(t testing.TB, h http.Handler, r *http.Request) fetched {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	root, err := html.Parse(strings.NewReader(rec.Body.String()))
	require.NoError(t, err)
	return fetched{t: t, status: rec.Code, header: rec.Header(), text: rec.Body.String(), root: root}
}

// post sends a form.
func post(t testing.TB, h http.Handler, path string, values map[string][]string) fetched {
	t.Helper()
	var body strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[key] {
			if body.Len() > 0 {
				body.WriteByte('&')
			}
			fmt.Fprintf(&body, "%s=%s", key, queryEscape(v))
		}
	}
	r := httptest.NewRequest(http.MethodPost, "http://belfry.example"+path, strings.NewReader(body.String()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return ask(t, h, r)
}

// all are the elements that a selector names: "tag", ".class", "#id", "[name]",
// "[name=value]", or some of them together.
func (f fetched) all(selector string) []*html.Node {
	var found []*html.Node
	want := parseSelector(selector)
	for n := range f.root.Descendants() {
		if n.Type == html.ElementNode && want.matches(n) {
			found = append(found, n)
		}
	}
	return found
}

// one is the only element of a selector.
func (f fetched) one(selector string) *html.Node {
	f.t.Helper()
	found := f.all(selector)
	require.Len(f.t, found, 1, "%s in %s", selector, f.text)
	return found[0]
}

type selector struct {
	tag, id string
	classes []string
	attrs   map[string]*string
}

func parseSelector(text string) selector {
	s := selector{attrs: map[string]*string{}}
	for text != "" {
		end := strings.IndexAny(text[1:], ".#[") + 1
		if end == 0 {
			end = len(text)
		}
		if text[0] == '[' {
			end = strings.IndexByte(text, ']') + 1
		}
		switch part := text[:end]; part[0] {
		case '.':
			s.classes = append(s.classes, part[1:])
		case '#':
			s.id = part[1:]
		case '[':
			name, value, ok := strings.Cut(part[1:len(part)-1], "=")
			s.attrs[name] = nil
			if ok {
				s.attrs[name] = &value
			}
		default:
			s.tag = part
		}
		text = text[end:]
	}
	return s
}

func (s selector) matches(n *html.Node) bool {
	if s.tag != "" && n.Data != s.tag || s.id != "" && attr(n, "id") != s.id {
		return false
	}
	for _, c := range s.classes {
		if !slices.Contains(strings.Fields(attr(n, "class")), c) {
			return false
		}
	}
	for name, value := range s.attrs {
		i := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
		if i < 0 || value != nil && n.Attr[i].Val != *value {
			return false
		}
	}
	return true
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// words is the text of an element, with single blanks.
func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "title" {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
