package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/run"
)

// noon is the present of the tests.
func noon() time.Time { return time.Date(2026, 11, 25, 12, 3, 0, 0, time.UTC) }

// screens are all pages that can be asked for.
func screens(w *town) []string {
	late := run.NewID("ml/train", w.now.Add(-11*time.Minute).Truncate(time.Second), "")
	dead := run.NewID("etl/partners", w.now.Truncate(20*time.Minute).Add(-20*time.Minute), "")
	evil := run.NewID(script, w.now.Truncate(30*time.Minute).Add(-30*time.Minute), "")
	return []string{
		"/", "/jobs", "/jobs?health=failing", "/jobs?text=nothing+like+that", "/jobs/etl/partners", "/jobs/crm/sync", "/jobs/old/export", "/jobs/%3Cscript%3Ealert(1)%3C/script%3E",
		"/runs", "/runs?state=failed", "/runs?state=skipped", "/runs/" + string(late), "/runs/" + string(dead), "/runs/" + string(evil), "/dead", "/dead?all=1", "/members",
		"/calendar", "/calendar?month=2026-10", "/calendar?week=2026-11-23&job=crm/sync", "/load", "/kafka", "/audit", "/nowhere", "/jobs/nowhere", "/runs/ffffffff", "/login",
	}
}

// TestEveryScreenIsHarmless: what names, outputs and reasons hold is text on
// every page, and nothing needs what the policy forbids.
func TestEveryScreenIsHarmless(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	for _, path := range screens(w) {
		t.Run(path, func(t *testing.T) {
			p := get(t, h, path)
			require.Contains(t, p.header.Get("Content-Security-Policy"), "default-src 'self'")
			require.NotContains(t, p.header.Get("Content-Security-Policy"), "unsafe")
			for n := range p.root.Descendants() {
				if n.Type == html.ElementNode {
					requireHarmless(t, n)
				}
			}
			ids := map[string]bool{}
			for _, n := range p.all("[id]") {
				require.False(t, ids[attr(n, "id")], "two elements have the id %s", attr(n, "id"))
				ids[attr(n, "id")] = true
			}
			require.Len(t, p.all("h1"), 1)
			require.Contains(t, []int{200, 404}, p.status)
		})
	}
}

func requireHarmless(t *testing.T, n *html.Node) {
	t.Helper()
	require.NotContains(t, []string{"img", "iframe", "style", "object", "embed", "base"}, n.Data)
	if n.Data == "script" {
		require.True(t, strings.HasPrefix(attr(n, "src"), "/static/"), "a script within the page")
		require.Nil(t, n.FirstChild)
	}
	for _, a := range n.Attr {
		require.NotEqual(t, "style", a.Key)
		require.False(t, strings.HasPrefix(a.Key, "on"), "%s=%q", a.Key, a.Val)
		require.False(t, strings.HasPrefix(a.Key, "hx-on"), "%s=%q", a.Key, a.Val)
		if a.Key == "href" || a.Key == "action" || a.Key == "src" || a.Key == "data-href" || a.Key == "data-open" {
			require.True(t, strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "//") || strings.HasPrefix(a.Val, "#") || strings.HasPrefix(a.Val, "?"), "%s=%q", a.Key, a.Val)
		}
	}
}

func TestOverview(t *testing.T) {
	w := village(t, noon())
	p := get(t, as(admin(), w.site(Options{})), "/")
	require.Equal(t, http.StatusOK, p.status)
	health := words(p.one(".health"))
	require.Contains(t, health, "jobs fail")
	require.Contains(t, health, "1 is late")
	require.Contains(t, words(p.one("[aria-labelledby=h-fail]")), "etl/partners 4 failures in a row; last success")
	require.Contains(t, words(p.one("[aria-labelledby=h-late]")), "ml/train 1 run should have started")
	require.Contains(t, words(p.one("[aria-labelledby=h-running]")), "billing/invoices on worker-b1")
	require.Contains(t, words(p.one("[aria-labelledby=h-slots]")), "cluster-a 2 workers 18 of 32 taken")
	require.Contains(t, words(p.one("[aria-labelledby=h-hour]")), "in 7 min")
	require.Len(t, p.all("svg.bars"), 2)
}

func TestJobs(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	p := get(t, h, "/jobs")
	require.Len(t, p.all("svg.strip"), 21, "each job has a strip, the removed one is not there")
	require.Contains(t, words(p.one("h1")), "21")
	row := words(p.one("#job-etl/partners"))
	require.Contains(t, row, "failing 4 in a row")
	require.Contains(t, row, "every 20 minutes")
	require.Contains(t, words(p.one("#job-dwh/load/users")), "paused")

	p = get(t, h, "/jobs?label=team%3Ddata&text=BACKUP")
	require.Len(t, p.all("svg.strip"), 1)
	require.Equal(t, "BACKUP", attr(p.one("#jobs-text"), "value"))
	require.Equal(t, "team=data", attr(p.one("input[type=text][name=label]"), "value"))

	require.Contains(t, words(get(t, h, "/jobs?text=zzz").one(".empty")), "No job is like that")
	wrong := get(t, h, "/jobs?health=ill")
	require.Equal(t, http.StatusBadRequest, wrong.status)
	require.Contains(t, wrong.text, "there are failing, late, running")
}

func TestEmptyPagesSayWhatToDo(t *testing.T) {
	w := newTown(t, noon())
	h := as(admin(), w.site(Options{}))
	for path, want := range map[string]string{
		"/": "belfry apply", "/jobs": "belfry apply", "/runs": "Show all runs", "/dead": "Nothing waits for you", "/members": "belfry worker",
		"/load": "Nothing will be due", "/kafka": "Kafka is not asked", "/audit": "Nobody has changed anything",
	} {
		p := get(t, h, path)
		require.Equal(t, http.StatusOK, p.status)
		require.Contains(t, p.text, want, path)
	}
}

func TestJob(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	p := get(t, h, "/jobs/crm/sync")
	list := words(p.one("[aria-labelledby=h-runs]"))
	require.Contains(t, list, "skipped ×3 it passed while no scheduler was deciding")
	require.Contains(t, list, "succeeded")
	require.Contains(t, words(p.one("[aria-labelledby=h-up]")), "12:05 13:05 CET in 2 min 13:05 14:05 CET in 1 h 2 min", "the reader's clock, and the job's")
	require.Contains(t, words(p.one("[aria-labelledby=h-def]")), "schedule: 5 * * * *")
	require.Len(t, p.all("svg.heat"), 1)
	versions := p.one("[aria-labelledby=h-ver]")
	require.Contains(t, words(versions), "in force")
	require.Contains(t, words(versions), "by bob@example.org")

	version := ""
	for n := range versions.Descendants() {
		if n.Data == "a" {
			version = strings.TrimSuffix(attr(n, "href"), "#h-diff")
		}
	}
	require.NotEmpty(t, version)
	p = get(t, h, "/jobs/crm/sync"+version)
	require.Contains(t, words(p.one(".diff")), "schedule: 5 * * * *")
	require.Len(t, p.all(".del"), 1)
	require.Len(t, p.all(".add"), 1)

	gone := get(t, h, "/jobs/old/export")
	require.Equal(t, http.StatusOK, gone.status)
	require.Contains(t, words(gone.one(".head")), "removed")
	require.Contains(t, words(gone.one("[aria-labelledby=h-runs]")), "succeeded")
	require.Equal(t, http.StatusNotFound, get(t, h, "/jobs/never").status)
}

func TestRun(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	id := string(run.NewID("etl/partners", w.now.Truncate(20*time.Minute).Add(-20*time.Minute), ""))
	p := get(t, h, "/runs/"+id[:13])
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, words(p.one(".note")), "exit code 7; no attempt was left")
	way := words(p.one(".steps"))
	for _, step := range []string{"due", "staged", "claimed", "by worker-a1", "started", "attempt 1", "will be tried again", "attempt 2", "command ended", "dead"} {
		require.Contains(t, way, step)
	}
	log := p.one("#log")
	require.Equal(t, "fetching 12 partners 12 of 12 error: connection refused by sftp.example.org", strings.TrimPrefix(words(log), "attempt 2 "))
	require.Len(t, p.all(".f1"), 1, "red")
	require.Contains(t, words(p.one("[aria-labelledby=h-def]")), "name: etl/partners")

	missing := get(t, h, "/runs/ffffffff")
	require.Equal(t, http.StatusNotFound, missing.status)
	require.Len(t, missing.all("[data-again]"), 1, "a run that was just asked for appears by itself")

	text := get(t, h, "/runs/"+id+"/log")
	require.Contains(t, text.header.Get("Content-Disposition"), "attachment")
	require.Contains(t, text.header.Get("Content-Type"), "text/plain")
	require.Contains(t, text.text, "\x1b[1mfetching\x1b[0m")
}

func TestRuns(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	p := get(t, h, "/runs?state=failed&job=etl/partners")
	require.Len(t, p.all("[data-open]"), 4)
	require.Contains(t, get(t, h, "/runs?text=sftp.example").text, "etl/partners")
	older := get(t, h, "/runs").one("[rel=next]")
	require.NotContains(t, attr(older, "href"), " ")
	second := get(t, h, attr(older, "href"))
	require.Equal(t, http.StatusOK, second.status)
	require.NotEmpty(t, second.all("[data-open]"))
	require.Equal(t, http.StatusBadRequest, get(t, h, "/runs?after=x").status)
}

func TestTheRestOfTheScreens(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	require.Contains(t, get(t, h, "/dead").text, "etl/partners")
	members := get(t, h, "/members")
	require.Contains(t, words(members.one("[aria-labelledby=h-s]")), "scheduler-1 host-1 live 0–3")
	require.Contains(t, words(members.one("[aria-labelledby=h-w]")), "worker-b1 host-1 live cluster-b 2 of 8")
	audit := get(t, h, "/audit")
	require.Contains(t, audit.text, "job.put")
	require.Len(t, audit.all(".add"), 1)
	load := get(t, h, "/load")
	require.Contains(t, load.text, "/edit/backup/postgres?schedule=H%2F10")
	month := get(t, h, "/calendar")
	require.Len(t, month.all("rect.now"), 1)
	require.NotEmpty(t, month.all("rect.hb"), "hours in which something failed")
	require.NotEmpty(t, month.all("rect.p4"), "hours to come")
}

// TestTheCalendarMarksClockChanges in the zone of the reader.
func TestTheCalendarMarksClockChanges(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	r := httptest.NewRequest(http.MethodGet, "/calendar?month=2026-10", nil)
	r.AddCookie(&http.Cookie{Name: zoneCookie, Value: "Europe/Berlin"})
	p := ask(t, h, r)
	require.Contains(t, p.text, "On Sunday 25 October the clock of Europe/Berlin goes back, from 03:00 to 02:00.")
	require.NotEmpty(t, p.all("rect.cut"))
	require.Contains(t, p.text, "in Europe/Berlin")
}

// TestWhoMaySeeWhat: a reader sees only what is in its scope, on every page.
func TestWhoMaySeeWhat(t *testing.T) {
	w := village(t, noon())
	site := w.site(Options{})
	nobody := get(t, as(access.Principal{}, site), "/")
	require.Equal(t, http.StatusForbidden, nobody.status)
	require.NotContains(t, nobody.text, "etl")

	b := as(access.Principal{Name: "b", Role: access.Viewer, Scope: access.Scope{Clusters: []string{"cluster-b"}}}, site)
	web := as(access.Principal{Name: "w", Role: access.Viewer, Scope: access.Scope{Labels: map[string]string{"team": "web"}}}, site)
	for _, path := range []string{"/", "/jobs", "/runs", "/dead?all=1", "/calendar", "/load", "/audit", "/find?q=etl"} {
		for _, h := range []http.Handler{b, web} {
			p := get(t, h, path)
			require.Equal(t, http.StatusOK, p.status, path)
			require.NotContains(t, p.text, "etl/partners", path)
		}
	}
	require.Contains(t, get(t, b, "/jobs").text, "ml/train")
	require.Contains(t, get(t, web, "/jobs").text, "backup/verify")
	id := string(run.NewID("etl/partners", w.now.Truncate(20*time.Minute).Add(-20*time.Minute), ""))
	for _, path := range []string{"/jobs/etl/partners", "/runs/" + id, "/runs/" + id + "/log", "/runs/" + id + "/follow"} {
		require.Equal(t, http.StatusForbidden, get(t, b, path).status, path)
		require.NotContains(t, get(t, b, path).text, "sftp.example.org", path)
	}
	require.Equal(t, http.StatusNotFound, get(t, b, "/calendar?job=etl/partners").status)
}

// TestTheFirstPageIsSmall: with all that it brings, compressed as it is sent.
func TestTheFirstPageIsSmall(t *testing.T) {
	w := village(t, noon())
	h := as(admin(), w.site(Options{}))
	total := 0
	paths := []string{"/"}
	for _, tag := range get(t, h, "/").all("[src]") {
		paths = append(paths, attr(tag, "src"))
	}
	for _, tag := range get(t, h, "/").all("link") {
		paths = append(paths, attr(tag, "href"))
	}
	require.Len(t, paths, 5)
	for _, path := range paths {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		require.Equal(t, "gzip", rec.Header().Get("Content-Encoding"), path)
		total += rec.Body.Len()
		plain, err := gzip.NewReader(rec.Body)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, plain)
		require.NoError(t, err)
	}
	t.Logf("the first page and all it brings: %d bytes", total)
	require.Less(t, total, 100<<10)
}

// TestFilesMayBeKeptForEver since their addresses hold their hash.
func TestFilesMayBeKeptForEver(t *testing.T) {
	s := newTown(t, noon()).site(Options{})
	p := get(t, as(access.Principal{}, s), s.assets.path("belfry.css"))
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.header.Get("Cache-Control"), "immutable")
	require.Contains(t, p.header.Get("Content-Type"), "text/css")
	require.NotContains(t, get(t, s, "/static/0/belfry.css").header.Get("Cache-Control"), "immutable")
	require.Equal(t, http.StatusNotFound, get(t, s, "/static/0/site.go").status)
}
