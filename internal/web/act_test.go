package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

// deadRun is a run of the town that was given up.
func deadRun(w *town) string {
	due := w.now.Truncate(20 * time.Minute)
	if due.After(w.now.Add(-time.Minute)) {
		due = due.Add(-20 * time.Minute)
	}
	return string(run.NewID("etl/partners", due, ""))
}

// TestWhichRoleMayDoWhat: what a role may not do it has no button for, and is
// refused all the same.
func TestWhichRoleMayDoWhat(t *testing.T) {
	l := newLive(t)
	dead := deadRun(l.town)
	for _, role := range access.Roles() {
		h := as(access.Principal{Name: "x", Role: role}, l.site)
		page := get(t, h, "/jobs/etl/partners")
		for _, a := range actions() {
			may := role.Includes(a.role)
			if a.noun == "job" && a.name != "resume" { // it is not paused
				require.Equal(t, may, len(page.all("button[name=action][value="+a.name+"]")) == 1, "%s has a button for %s", role, a.name)
			}
			values := url.Values{"action": {a.name}, "job": {"etl/partners"}, "run": {dead}, "next": {"/jobs"}}
			answer := post(t, h, "/act", values)
			switch {
			case !may:
				require.Equal(t, http.StatusForbidden, answer.status, "%s: %s", role, a.name)
			case a.asks:
				require.Equal(t, http.StatusOK, answer.status)
				require.Len(t, answer.all("#confirm"), 1)
			default:
				require.Equal(t, http.StatusSeeOther, answer.status, "%s: %s: %s", role, a.name, answer.text)
			}
		}
		require.Equal(t, role.Includes(access.Editor), get(t, h, "/edit/etl/partners").status == http.StatusOK)
		require.Equal(t, role.Includes(access.Editor), len(page.all("#edit-link")) == 1)
		require.Equal(t, role.Includes(access.Operator), len(get(t, h, "/jobs").all("[data-all]")) == 1)
		save := post(t, h, "/edit/etl/partners", url.Values{"text": {"jobs: []"}})
		require.Equal(t, role.Includes(access.Editor), save.status != http.StatusForbidden)
	}
	for _, r := range l.requests(t) {
		require.NotContains(t, []run.RequestType{run.RequestCancel, run.RequestDiscard}, r.Type, "what is asked back is not done yet")
	}
}

// TestWhoAgreesAgreesToANumber: if there are more meanwhile, it is asked again.
func TestWhoAgreesAgreesToANumber(t *testing.T) {
	l := newLive(t)
	h := as(admin(), l.site)
	two := url.Values{"action": {"pause"}, "job": {"crm/sync", "dwh/vacuum"}, "next": {"/jobs?health=ok"}}
	asked := post(t, h, "/act", two)
	require.Equal(t, http.StatusOK, asked.status)
	require.Contains(t, words(asked.one("#confirm")), "Pause 2 jobs? Due times of a paused job are skipped")
	require.Contains(t, words(asked.one("#confirm")), "crm/sync dwh/vacuum")
	require.Equal(t, "2", attr(asked.one("input[name=confirm]"), "value"))
	require.Empty(t, l.requests(t))

	two.Set("confirm", "1")
	again := post(t, h, "/act", two)
	require.Contains(t, words(again.one("#confirm")), "There are 2 now")
	require.Empty(t, l.requests(t))

	two.Set("confirm", "2")
	done := post(t, h, "/act", two)
	require.Equal(t, http.StatusSeeOther, done.status)
	require.Equal(t, "/jobs?health=ok", done.header.Get("Location"))
	require.Len(t, l.requests(t), 2)
	require.Equal(t, run.RequestPause, l.requests(t)[0].Type)
	require.Len(t, get(t, h, "/jobs/crm/sync").all("button[value=resume]"), 1, "seen at once, though shards write it later")
	post(t, h, "/act", url.Values{"action": {"resume"}, "job": {"crm/sync"}})
	require.Len(t, get(t, h, "/jobs/crm/sync").all("button[value=pause]"), 1)

	every := post(t, h, "/act", url.Values{"action": {"run"}, "all": {"1"}, "label": {"team=web"}})
	require.Contains(t, words(every.one("#confirm")), "Run 6 jobs?", "all that the filter names, and no more")

	for _, wrong := range []url.Values{{"action": {"explode"}, "job": {"a"}}, {"action": {"pause"}}, {"action": {"pause"}, "job": {"a"}, "confirm": {"many"}}} {
		require.Equal(t, http.StatusBadRequest, post(t, h, "/act", wrong).status, "%v", wrong)
	}
	failed := post(t, h, "/act", url.Values{"action": {"pause"}, "job": {"no/such"}})
	require.Equal(t, http.StatusSeeOther, failed.status)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, c := range (&http.Response{Header: failed.header}).Cookies() {
		r.AddCookie(c)
	}
	require.Contains(t, words(ask(t, h, r).one("#toast")), "Pause failed: no/such")
}

// TestScopesBoundWhatIsDone, also where a form names what its reader cannot see.
func TestScopesBoundWhatIsDone(t *testing.T) {
	l := newLive(t)
	h := as(access.Principal{Name: "b", Role: access.Operator, Scope: access.Scope{Clusters: []string{"cluster-b"}}}, l.site)
	post(t, h, "/act", url.Values{"action": {"pause"}, "job": {"etl/partners"}})
	require.Equal(t, http.StatusForbidden, post(t, h, "/act", url.Values{"action": {"requeue"}, "run": {deadRun(l.town)}}).status)
	require.Empty(t, l.requests(t))
}

// TestOtherSitesCannotPost, with the cookies of a reader or without.
func TestOtherSitesCannotPost(t *testing.T) {
	l := newLive(t)
	h := as(admin(), l.site)
	for _, path := range []string{"/act", "/edit/etl/partners", "/edit/preview"} {
		r := httptest.NewRequest(http.MethodPost, "http://belfry.example"+path, strings.NewReader("action=pause&job=crm%2Fsync"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		require.Equal(t, http.StatusForbidden, ask(t, h, r).status, path)
	}
	require.Empty(t, l.requests(t))
}

// TestWhatCannotBeSavedIsNot, and the page says why.
func TestWhatCannotBeSavedIsNot(t *testing.T) {
	l := newLive(t)
	h := as(admin(), l.site)
	for text, want := range map[string]string{
		"jobs: [":  "something in it is wrong",
		"jobs: []": "something in it is wrong",
		"jobs:\n  - {name: other, schedule: \"@daily\", command: x, cluster: cluster-a}\n":            "A job keeps its name",
		"jobs:\n  - {name: etl/partners, schedule: \"61 * * * *\", command: x, cluster: cluster-a}\n": "something in it is wrong",
	} {
		p := post(t, h, "/edit/etl/partners", url.Values{"text": {text}, "seen": {steer.AnyVersion}})
		require.Equal(t, http.StatusUnprocessableEntity, p.status)
		require.Contains(t, words(p.one("[role=alert]")), want)
		if strings.HasPrefix(want, "something") {
			require.NotEmpty(t, p.all(".state.bad"), "where it is wrong")
		}
		require.Equal(t, strings.Join(strings.Fields(text), " "), words(p.one("#text")), "what was typed is not lost")
	}
	preview := post(t, h, "/edit/preview", url.Values{"job": {"etl/partners"}, "text": {"jobs:\r\n  - {name: etl/partners, schedule: \"61 * * * *\", command: x}\r\n"}})
	require.Equal(t, http.StatusOK, preview.status)
	require.Contains(t, words(preview.one(".problems")), "line 2 schedule")
	require.Empty(t, preview.all("main"), "a part of a page")

	made := post(t, h, "/edit/", url.Values{"text": {"jobs:\n  - {name: new/one, schedule: \"@daily\", command: x, cluster: cluster-a}\n"}, "seen": {steer.NoVersion}})
	require.Equal(t, http.StatusSeeOther, made.status, made.text)
	require.Equal(t, "/jobs/new/one", made.header.Get("Location"))
	require.Equal(t, "@daily", l.inForce(t, "new/one").Schedule)
}
