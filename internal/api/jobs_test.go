package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/access"
)

// put puts a job into force and waits until the read model has it.
func (w *world) put(name, cluster, labels string) {
	w.t.Helper()
	body := fmt.Sprintf(`{"name":%q,"cluster":%q,"command":["true"],"schedule":"@daily","env":{"KEY":"s3cret"},"stdin":"s3cret","labels":%s}`, name, cluster, labels)
	a := w.ask(as(access.Editor), http.MethodPut, "/api/v1/jobs/"+url.PathEscape(name), body, "If-Match: *")
	require.Equal(w.t, http.StatusCreated, a.status, a.body)
	w.until(func() bool {
		return w.ask(as(access.Viewer), http.MethodGet, "/api/v1/jobs/"+url.PathEscape(name), "").status == http.StatusOK
	})
}

// until waits for something that the read model is about to bring.
func (w *world) until(come func() bool) {
	w.t.Helper()
	require.Eventually(w.t, come, 30*time.Second, 20*time.Millisecond)
}

func TestAJobIsChangedByWhoSawIt(t *testing.T) {
	w := newWorld(t)
	const at, first = "/api/v1/jobs/backup", `{"name":"backup","cluster":"cluster-a","command":["true"]}`
	ann := as(access.Editor)
	w.problem(w.ask(ann, "PUT", at, first), http.StatusPreconditionRequired)
	w.problem(w.ask(ann, "PUT", at, first, `If-Match: "0123456789abcdef"`), http.StatusPreconditionFailed)
	made := w.ask(ann, "PUT", at, first, "If-None-Match: *")
	require.Equal(t, http.StatusCreated, made.status, made.body)
	tag := made.header.Get("ETag")
	require.NotEmpty(t, tag)
	w.problem(w.ask(ann, "PUT", at, first, "If-None-Match: *"), http.StatusPreconditionFailed)

	w.until(func() bool { return w.ask(ann, "GET", at, "").header.Get("ETag") == tag })
	changed := strings.Replace(first, `["true"]`, `["false"]`, 1)
	put := w.ask(ann, "PUT", at, changed, "If-Match: "+tag)
	require.Equal(t, http.StatusOK, put.status, put.body)
	require.JSONEq(t, `["command"]`, string(fieldOf(t, put.body, "fields")))
	stale := w.ask(ann, "PUT", at, first, "If-Match: "+tag)
	detail, _ := w.problem(stale, http.StatusPreconditionFailed)
	require.Contains(t, detail, "the editor")
	require.Equal(t, put.header.Get("ETag"), stale.header.Get("ETag"), "what to look at again")

	w.problem(w.ask(ann, "DELETE", at, ""), http.StatusPreconditionRequired)
	w.problem(w.ask(ann, "DELETE", at, "", "If-Match: "+tag), http.StatusPreconditionFailed)
	require.Equal(t, http.StatusNoContent, w.ask(ann, "DELETE", at, "", "If-Match: "+put.header.Get("ETag")).status)
	w.until(func() bool { return w.ask(ann, "GET", at, "").status == http.StatusNotFound })
}

func fieldOf(t *testing.T, body, name string) json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &all), body)
	return all[name]
}

// TestWhatIsWrongIsNamed: each wrong request gets a problem that names the field.
func TestWhatIsWrongIsNamed(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		fields             []string
	}{
		{"PUT", "/jobs/a", `{"name":"a","cluster":"cluster-a","command":[],"schedule":"61 * * * *","retries":-1}`, 422, []string{"body.command", "body.schedule", "body.retries"}},
		{"PUT", "/jobs/a", `{"name":"a","command":["true"],"shedule":"@daily"}`, 422, []string{"body.shedule"}},
		{"PUT", "/jobs/a", `{"name":"b","command":["true"]}`, 422, []string{"body.name"}},
		{"PUT", "/jobs/a", `{"command":["true"]}`, 422, []string{"body"}},
		{"PUT", "/jobs/a", `{`, 400, nil},
		{"PUT", "/jobs/a", `[]`, 422, []string{"body"}},
		{"PUT", "/jobs/a", `{"name":"a","command":["` + strings.Repeat("x", 1<<20) + `"]}`, 413, nil},
		{"GET", "/jobs?limit=501", "", 422, []string{"query.limit"}},
		{"GET", "/jobs?label=x", "", 422, []string{"query.label"}},
		{"GET", "/jobs?after=zzz", "", 422, []string{"query.after"}},
		{"GET", "/runs?state=failed&state=odd", "", 422, []string{"query.state[1]"}},
		{"GET", "/runs?from=yesterday", "", 422, []string{"query.from"}},
		{"GET", "/runs?nonsense=1", "", 422, []string{"query.nonsense"}},
		{"GET", "/jobs/absent", "", 404, nil},
		{"GET", "/runs/00000000", "", 404, nil},
		{"GET", "/stats?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "", 422, []string{"query.to"}},
		{"GET", "/calendar?timezone=Mars/Olympus", "", 422, []string{"query.timezone"}},
		{"POST", "/jobs/absent/run", `{"env":{"A":"b"},"more":1}`, 422, []string{"body.more"}},
		{"POST", "/jobs/absent/run", "", 404, nil},
		{"POST", "/dead/requeue", `{}`, 422, []string{"body.runs"}},
		{"POST", "/tokens", `{"name":"x","role":"root"}`, 422, []string{"body.role"}},
		{"POST", "/jobs/absent/backfills", `{"from":"2026-11-02T00:00:00Z","to":"2026-11-01T00:00:00Z"}`, 422, []string{"body.to"}},
		{"POST", "/apply", `{"jobs":[{"name":"a","cluster":"cluster-a","command":[]}]}`, 422, []string{"body.jobs.a.command"}},
		{"GET", "/nothing", "", 404, nil},
		{"PATCH", "/jobs/absent", `{}`, 405, nil},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			inner := *w
			inner.t = t
			headers := []string{}
			if c.method == "PUT" {
				headers = append(headers, "If-Match: *")
			}
			_, fields := inner.problem(inner.ask(as(access.Admin), c.method, "/api/v1"+c.path, c.body, headers...), c.status)
			require.ElementsMatch(t, c.fields, fields)
		})
	}
}

func TestARunIsAskedForOnce(t *testing.T) {
	w := newWorld(t)
	w.put("folder/backup", "cluster-a", `{}`)
	const at = "/api/v1/jobs/folder%2Fbackup/run"
	first := w.ask(as(access.Operator), "POST", at, `{"env":{"MODE":"full"}}`, "Idempotency-Key: k")
	require.Equal(t, http.StatusAccepted, first.status, first.body)
	second := w.ask(as(access.Operator), "POST", at, `{"env":{"MODE":"full"}}`, "Idempotency-Key: k")
	require.JSONEq(t, string(fieldOf(t, first.body, "run")), string(fieldOf(t, second.body, "run")))
	require.Equal(t, "true", string(fieldOf(t, second.body, "again")))
	third := w.ask(as(access.Operator), "POST", at, "")
	require.NotEqual(t, string(fieldOf(t, first.body, "run")), string(fieldOf(t, third.body, "run")))
}

// TestAScopeHidesTheRest: in lists, details, streams and audits.
func TestAScopeHidesTheRest(t *testing.T) {
	w := newWorld(t)
	w.put("mine", "cluster-a", `{"team":"data"}`)
	w.put("theirs", "cluster-a", `{"team":"web"}`)
	w.put("elsewhere", "cluster-b", `{"team":"data"}`)
	for name, scope := range map[string]access.Scope{
		"a cluster and a label": {Clusters: []string{"cluster-a"}, Labels: map[string]string{"team": "data"}},
		"clusters and a label":  {Clusters: []string{"cluster-a", "cluster-c"}, Labels: map[string]string{"team": "data"}},
	} {
		who := as(access.Editor)
		who.Scope = scope
		names := func(path, list string) []string {
			var found []string
			var rows []map[string]any
			require.NoError(t, json.Unmarshal(fieldOf(t, w.ask(who, "GET", path, "").body, list), &rows))
			for _, row := range rows {
				text := fmt.Sprint(row)
				for _, job := range []string{"mine", "theirs", "elsewhere"} {
					if strings.Contains(text, "name:"+job) || strings.Contains(text, "job:"+job) {
						found = append(found, job)
					}
				}
			}
			return found
		}
		w.until(func() bool { return len(names("/api/v1/audit", "entries")) > 0 })
		require.Equal(t, []string{"mine"}, names("/api/v1/jobs", "jobs"), name)
		require.Equal(t, []string{"mine"}, names("/api/v1/states", "jobs"), name)
		require.Equal(t, []string{"mine"}, names("/api/v1/audit", "entries"), name)
		require.Empty(t, names("/api/v1/jobs?label=team%3Dweb", "jobs"), name)
		require.Equal(t, http.StatusOK, w.ask(who, "GET", "/api/v1/jobs/mine", "").status)
		for _, other := range []string{"theirs", "elsewhere"} {
			w.problem(w.ask(who, "GET", "/api/v1/jobs/"+other, ""), http.StatusNotFound)
			w.problem(w.ask(who, "GET", "/api/v1/jobs/"+other+"/definitions", ""), http.StatusNotFound)
			w.problem(w.ask(who, "GET", "/api/v1/jobs/"+other+"/next", ""), http.StatusNotFound)
			w.problem(w.ask(who, "GET", "/api/v1/stats?job="+other, ""), http.StatusNotFound)
			w.problem(w.ask(who, "GET", "/api/v1/ledger?since=2026-11-01T00:00:00Z&job="+other, ""), http.StatusNotFound)
			w.problem(w.ask(who, "POST", "/api/v1/jobs/"+other+"/run", ""), http.StatusForbidden)
			w.problem(w.ask(who, "DELETE", "/api/v1/jobs/"+other, "", "If-Match: *"), http.StatusForbidden)
		}
		w.problem(w.ask(who, "GET", "/api/v1/stats", ""), http.StatusForbidden)
		who.Role = access.Admin
		w.problem(w.ask(who, "GET", "/api/v1/tokens", ""), http.StatusForbidden)
	}
}

func TestValuesAreForEditors(t *testing.T) {
	w := newWorld(t)
	w.put("backup", "cluster-a", `{}`)
	for _, path := range []string{
		"/jobs", "/jobs/backup", "/jobs/backup/definitions", "/states", "/audit",
		"/jobs/backup/explain?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z",
	} {
		for _, role := range []access.Role{access.Viewer, access.Operator} {
			got := w.ask(as(role), "GET", "/api/v1"+path, "")
			require.Equal(t, http.StatusOK, got.status, got.body)
			require.NotContains(t, got.body, "s3cret", "%s as %s", path, role)
		}
	}
	require.Contains(t, w.ask(as(access.Editor), "GET", "/api/v1/jobs/backup", "").body, "s3cret")
	require.NotContains(t, w.ask(as(access.Admin), "GET", "/api/v1/audit", "").body, "s3cret", "nobody reads them in the audit")
}

func TestASetIsPlannedAndApplied(t *testing.T) {
	w := newWorld(t)
	w.put("old", "cluster-a", `{}`)
	set := `{"jobs":[{"name":"new","cluster":"cluster-a","command":["true"],"schedule":"0 * * * *","source":"jobs.yaml"}],"hours":2}`
	planned := w.ask(as(access.Viewer), "POST", "/api/v1/plan", set)
	require.Equal(t, http.StatusOK, planned.status, planned.body)
	require.Equal(t, "2", string(fieldOf(t, planned.body, "added")))
	apply := strings.Replace(set, `"hours":2`, `"dry_run":true`, 1)
	dry := w.ask(as(access.Editor), "POST", "/api/v1/apply", apply)
	require.JSONEq(t, `[{"kind":"added","job":"new"}]`, string(fieldOf(t, dry.body, "changes")))
	done := w.ask(as(access.Editor), "POST", "/api/v1/apply", strings.Replace(apply, "true}", "false}", 1))
	require.JSONEq(t, dry.body, done.body)
	w.until(func() bool { return w.ask(as(access.Viewer), "GET", "/api/v1/jobs/new", "").status == http.StatusOK })
	gone := w.ask(as(access.Editor), "POST", "/api/v1/apply", `{"jobs":[],"prune":["jobs.yaml"]}`)
	require.JSONEq(t, `[{"kind":"removed","job":"new"}]`, string(fieldOf(t, gone.body, "changes")))
}

// TestEventsAreFollowedAndResumed: what was missed comes after the last ID.
func TestEventsAreFollowedAndResumed(t *testing.T) {
	w := newWorld(t)
	w.put("first", "cluster-a", `{}`)
	s := w.follow("/api/v1/events?kind=job", "")
	w.put("second", "cluster-a", `{}`)
	id := s.await(`"job":"second"`)
	s.close()
	w.put("third", "cluster-a", `{}`)
	again := w.follow("/api/v1/events?kind=job", id)
	defer again.close()
	require.NotContains(t, again.seen, `"job":"second"`)
	again.await(`"job":"third"`)
	require.NotContains(t, again.seen, `"job":"first"`)
}

// reader reads a stream.
type reader struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
	seen  string
}

func (w *world) follow(path, after string) *reader {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+path, nil)
	require.NoError(w.t, err)
	who, err := json.Marshal(as(access.Viewer))
	require.NoError(w.t, err)
	r.Header.Set(whoHeader, string(who))
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	a, err := w.server.Client().Do(r)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = a.Body.Close() }) // it was cut off
	require.Equal(w.t, "text/event-stream", a.Header.Get("Content-Type"))
	return &reader{t: w.t, lines: bufio.NewScanner(a.Body), close: cancel}
}

// await reads up to the event whose data holds a text, and returns its ID.
func (r *reader) await(text string) string {
	r.t.Helper()
	id := ""
	for r.lines.Scan() {
		line := r.lines.Text()
		if after, ok := strings.CutPrefix(line, "id: "); ok {
			id = after
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			r.seen += data
			if strings.Contains(data, text) {
				return id
			}
		}
	}
	require.Fail(r.t, "the stream ended", "before %s: %v, %s", text, r.lines.Err(), r.seen)
	return ""
}

// TestTheDocumentIsWhole: valid references, no field named twice, and a page that
// needs nothing from elsewhere.
func TestTheDocumentIsWhole(t *testing.T) {
	w := newWorld(t)
	got := w.ask(as(access.Viewer), "GET", "/api/v1/openapi.json", "")
	require.Equal(t, http.StatusOK, got.status)
	var doc struct {
		OpenAPI    string `json:"openapi"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.NotContains(t, got.body, `"Unknown"`)
	for _, ref := range strings.Split(got.body, `"$ref":"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(ref, `"`)
		require.Contains(t, doc.Components.Schemas, name)
	}
	page := w.ask(as(access.Viewer), "GET", "/api/v1/", "")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'")
	require.NotContains(t, page.body, "<script")
	require.Contains(t, page.body, "/jobs/{job}/backfills")
}
