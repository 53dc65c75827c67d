package web

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a headless Chromium.
type browser struct {
	t   testing.TB
	ctx context.Context
}

// newBrowser starts one, or skips the test: make test-web runs these tests, and
// says what they need.
func newBrowser(t testing.TB) *browser {
	t.Helper()
	if os.Getenv("BELFRY_TEST_WEB") == "" {
		t.Skip("SKIPPED: pages in a real browser are tested by make test-web")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED: there is no chromium here (apt-get install chromium): NO PAGE WAS LOOKED AT IN A BROWSER")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	quiet := func(string, ...any) {} // it reports each event that is newer than itself
	ctx, closeTab := chromedp.NewContext(allocator, chromedp.WithErrorf(quiet))
	t.Cleanup(closeTab)
	require.NoError(t, chromedp.Run(ctx))
	return &browser{t: t, ctx: ctx}
}

// tab is a page that is looked at. At the end of the test nothing may have been
// complained of.
type tab struct {
	t    testing.TB
	ctx  context.Context
	base string

	mu     sync.Mutex
	wrongs []string
}

// look is how a page is looked at.
type look struct {
	theme  string // light or dark
	width  int64
	height int64
}

func (l look) String() string { return fmt.Sprintf("%s-%d", l.theme, l.width) }

// open opens a tab on a server.
func (b *browser) open(t testing.TB, base string, l look) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	p := &tab{t: t, ctx: ctx, base: base}
	chromedp.ListenTarget(ctx, p.hear)
	t.Cleanup(func() {
		cancel()
		closeTab()
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Empty(t, p.wrongs, "what the browser complained of")
	})
	if l.height == 0 {
		l.height = 900
	}
	p.do(cdplog.Enable(), runtime.Enable(), network.Enable(),
		emulation.SetDeviceMetricsOverride(l.width, l.height, 1, l.width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
	return p
}

// hear notes what the browser complains of: errors and warnings of the console,
// exceptions, and what the policy of the page forbade.
func (p *tab) hear(e any) {
	var wrong string
	switch e := e.(type) {
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning {
			wrong = fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		wrong = "exception: " + e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			var args []string
			for _, a := range e.Args {
				args = append(args, string(a.Value)+a.Description)
			}
			wrong = "console: " + strings.Join(args, " ")
		}
	}
	if wrong == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrongs = append(p.wrongs, wrong)
}

// forgive takes back complaints that hold a text, of what a test did on purpose.
func (p *tab) forgive(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var kept []string
	for _, w := range p.wrongs {
		if !strings.Contains(w, text) {
			kept = append(kept, w)
		}
	}
	p.wrongs = kept
}

func (p *tab) do(actions ...chromedp.Action) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Run(p.ctx, actions...))
}

// go_ goes to a page, and waits until its script has run.
func (p *tab) to(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.base + path))
	p.until(`document.readyState === "complete" && typeof htmx === "object"`)
}

// value evaluates an expression.
func value[T any](p *tab, expression string) T {
	p.t.Helper()
	var v T
	p.do(chromedp.Evaluate(expression, &v, func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
	return v
}

// until waits for an expression to be true.
func (p *tab) until(expression string) {
	p.t.Helper()
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		var is bool
		// Between two pages there is nothing to evaluate in.
		if err := chromedp.Run(p.ctx, chromedp.Evaluate("Boolean("+expression+")", &is)); err == nil && is {
			return
		}
		select {
		case <-look.C:
		case <-patience.C:
			var text string
			_ = chromedp.Run(p.ctx, chromedp.Evaluate("location.href + ' ' + document.body.innerText", &text))
			require.FailNow(p.t, "it did not become true", "%s\n%.3000s", expression, text)
		}
	}
}

// key presses a key as somebody would who has no field in focus: what the page
// does about it, it does before a character comes of it.
func (p *tab) key(name string, held ...input.Modifier) {
	p.t.Helper()
	text := map[string]string{"Enter": "\r"}[name]
	if len(name) == 1 && len(held) == 0 {
		text = name
	}
	var modifiers input.Modifier
	for _, m := range held {
		modifiers |= m
	}
	down := input.DispatchKeyEvent(input.KeyDown).WithKey(name).WithText(text).WithModifiers(modifiers)
	if name == "Enter" {
		down = down.WithWindowsVirtualKeyCode(13)
	}
	if name == "Escape" {
		down = down.WithWindowsVirtualKeyCode(27)
	}
	p.do(down, input.DispatchKeyEvent(input.KeyUp).WithKey(name).WithModifiers(modifiers))
}

// click clicks on what a selector names first.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(selector, chromedp.ByQuery))
}

// axe returns what axe-core finds on the page, in words.
func (p *tab) axe() []string {
	p.t.Helper()
	source, err := os.ReadFile("testdata/axe/axe.min.js")
	require.NoError(p.t, err)
	if !value[bool](p, `typeof axe === "object"`) {
		p.do(chromedp.Evaluate(string(source), nil))
	}
	return value[[]string](p, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => v.id + ": " + v.help + " " + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200) + " " + n.failureSummary.replaceAll("\n", " ")).join(" | ")))`)
}

// looks are how each page is looked at.
func looks() []look {
	return []look{{theme: "light", width: 1280}, {theme: "dark", width: 1280}, {theme: "light", width: 390, height: 844}}
}

// TestEveryScreenInABrowser walks every screen in light, in dark and on a phone:
// the browser complains of nothing, axe finds nothing, nothing is wider than the
// window.
func TestEveryScreenInABrowser(t *testing.T) {
	b := newBrowser(t)
	live := newLive(t)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			p := b.open(t, live.url, l)
			found := map[string][]string{}
			for _, path := range append(screens(live.town), "/edit", "/edit/etl/partners", "/jobs/crm/sync?version=x") {
				p.to(path)
				for _, violation := range p.axe() {
					found[violation] = append(found[violation], path)
				}
				if width := value[int](p, "document.documentElement.scrollWidth"); width > int(l.width) {
					found["wider than the window"] = append(found["wider than the window"], path)
				}
				p.forgive("the server responded with a status of 404")
			}
			require.Empty(t, found)
		})
	}
}

// TestKeys: whoever has no mouse gets everywhere.
func TestKeys(t *testing.T) {
	b := newBrowser(t)
	live := newLive(t)
	p := b.open(t, live.url, looks()[0])
	p.to("/jobs")
	p.key("?")
	p.until(`document.querySelector("#keys").open`)
	require.Empty(t, p.axe())
	p.key("Escape")
	p.until(`!document.querySelector("#keys").open`)

	p.key("/")
	p.until(`document.activeElement.id === "jobs-text"`)
	p.do(chromedp.SendKeys("#jobs-text", "partners", chromedp.ByQuery))
	p.until(`document.querySelectorAll("tbody tr").length === 1 && location.search.includes("text=partners")`)
	require.Equal(t, "jobs-text", value[string](p, "document.activeElement.id"), "the field stays in focus")
	require.Equal(t, "partners", value[string](p, `document.querySelector("#jobs-text").value`))

	p.to("/jobs")
	p.key("j")
	p.key("j")
	p.key("k")
	p.key("j")
	require.Equal(t, 1, value[int](p, `[...document.querySelectorAll("tbody tr")].findIndex((r) => r.classList.contains("here"))`))
	p.key("x")
	require.Equal(t, "1 ticked", value[string](p, `document.querySelector("[data-count]").textContent`))
	p.key("x")
	p.key("Enter")
	p.until(`location.pathname === "/jobs/backup/postgres"`)

	p.until(`document.readyState === "complete" && typeof htmx === "object"`)
	p.key("k", input.ModifierCtrl)
	p.until(`document.querySelector("#palette").open`)
	require.Empty(t, p.axe())
	p.do(chromedp.SendKeys("#palette-text", "etl/par", chromedp.ByQuery))
	p.until(`document.querySelector("#palette-list li[aria-selected=true]")?.dataset.href === "/jobs/etl/partners"`)
	p.key("Enter")
	p.until(`location.pathname === "/jobs/etl/partners" && document.readyState === "complete" && typeof htmx === "object"`)

	p.key("g")
	p.key("m")
	p.until(`location.pathname === "/members" && document.readyState === "complete" && typeof htmx === "object"`)
	p.key("t")
	require.Equal(t, "light", value[string](p, "document.documentElement.dataset.theme"))
	p.key("t")
	p.to("/")
	require.Equal(t, "dark", value[string](p, "document.documentElement.dataset.theme"), "the next page knows")
	require.Equal(t, "rgb(14, 18, 23)", value[string](p, "getComputedStyle(document.body).backgroundColor"))
}

// TestManyAreAskedBack: what many boxes were ticked for is done once somebody
// agreed to the number, and no before.
func TestManyAreAskedBack(t *testing.T) {
	b := newBrowser(t)
	live := newLive(t)
	p := b.open(t, live.url, looks()[0])
	p.to("/jobs")
	p.until(`document.querySelector("button[value=pause]").disabled`)
	p.click(`input[value="backup/postgres"]`)
	p.click(`input[value="crm/sync"]`)
	require.Equal(t, "2 ticked", value[string](p, `document.querySelector("[data-count]").textContent`))
	p.click("button[value=pause]")
	p.until(`document.querySelector("#dialog").open`)
	require.Contains(t, value[string](p, `document.querySelector("#dialog").innerText`), "Pause 2 jobs?")
	require.Empty(t, p.axe())
	p.click("#dialog [data-close]")
	p.until(`!document.querySelector("#dialog").open`)
	require.Empty(t, live.requests(t))

	p.click("button[value=pause]")
	p.until(`document.querySelector("#dialog").open`)
	p.click("#dialog button.primary")
	p.until(`document.querySelector("#toast").innerText.includes("Paused 2 jobs.")`)
	asked := live.requests(t)
	require.Len(t, asked, 2)
	require.Equal(t, "alice@example.org", asked[0].By)
}

// TestAnEditThatIsTooLate shows what the other changed, and overwrites it only
// when it is saved again.
func TestAnEditThatIsTooLate(t *testing.T) {
	b := newBrowser(t)
	live := newLive(t)
	p := b.open(t, live.url, looks()[0])
	p.to("/edit/etl/partners")
	require.Contains(t, value[string](p, `document.querySelector("#preview").innerText`), "every 20 minutes")
	p.do(chromedp.SetValue("#text", strings.Replace(value[string](p, `document.querySelector("#text").value`), "*/20 * * * *", "15 4 * * mon-fri", 1), chromedp.ByQuery),
		chromedp.SendKeys("#text", " ", chromedp.ByQuery))
	p.until(`document.querySelector("#preview").innerText.includes("at 04:15 on Monday to Friday")`)
	require.Contains(t, value[string](p, `document.querySelector("#preview").innerText`), "removed")

	live.putByAnother(t, "etl/partners")
	p.click("form.card button.primary")
	p.until(`document.querySelector("#conflict")`)
	p.forgive("409")
	require.Contains(t, value[string](p, `document.querySelector("#conflict").innerText`), "Somebody else changed this job meanwhile")
	require.Contains(t, value[string](p, `document.querySelector("#text").value`), "15 4 * * mon-fri", "what was typed is not lost")
	p.click("form.card button.primary")
	p.until(`document.querySelector("#toast")?.innerText.includes("Saved etl/partners.")`)
	require.Equal(t, "15 4 * * mon-fri", live.inForce(t, "etl/partners").Schedule)
}

// TestPagesAreLive: what happens appears by itself, but not under the pointer
// and not while updates are paused.
func TestPagesAreLive(t *testing.T) {
	b := newBrowser(t)
	live := newLive(t)
	p := b.open(t, live.url, looks()[0])
	p.to("/jobs?text=partners")
	p.until(`document.querySelector("#live").dataset.liveState === "on"`)
	require.Contains(t, value[string](p, `document.querySelector("tbody").innerText`), "failing")

	p.key("p")
	p.until(`document.querySelector("#live").innerText.includes("paused")`)
	live.succeeds(t, "etl/partners")
	p.until(`document.querySelector("#live").innerText.includes("paused, new")`)
	require.Contains(t, value[string](p, `document.querySelector("tbody").innerText`), "failing")
	p.key("p")
	p.until(`!document.querySelector("tbody").innerText.includes("failing")`)
	require.Equal(t, 30, value[int](p, `document.querySelectorAll("tbody rect").length`))
}

// TestALogIsLive: lines are there soon after they were written, and the page says
// when the run has ended.
func TestALogIsLive(t *testing.T) {
	b := newBrowser(t)
	live := newLive(t)
	p := b.open(t, live.url, looks()[0])
	id := live.start(t, "crm/sync")
	p.to("/runs/" + string(id))
	p.until(`document.querySelector("#log-follow")`)
	p.forgive("status of 404") // nobody may have known of it yet: the page asks again
	live.writes(t, "first line\n\x1b[32mgreen\x1b[0m <b>not bold</b>\n")
	p.until(`document.querySelector("#log").innerText.includes("<b>not bold</b>")`)
	require.Equal(t, "green", value[string](p, `document.querySelector("#log .f2").textContent`))

	p.do(chromedp.SendKeys("#log-text", "bold", chromedp.ByQuery))
	p.until(`document.querySelectorAll("#log mark").length === 1`)
	live.writes(t, strings.Repeat("another bold line\n", 60))
	p.until(`document.querySelector("#log-found").textContent === "61 lines"`)
	require.True(t, value[bool](p, `((l) => l.scrollTop + l.clientHeight >= l.scrollHeight - 2)(document.querySelector("#log"))`), "it follows")

	live.ends(t)
	p.until(`document.querySelector("#log").dataset.ended === "1"`)
	p.until(`document.querySelector(".head .state").innerText === "succeeded"`)
	require.Equal(t, 62, value[int](p, `document.querySelectorAll("#log > div").length`), "the log stays as it was")
}

// TestScreenshots makes the pictures of docs/web.md: make screenshots.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("BELFRY_SCREENSHOTS")
	if folder == "" {
		t.Skip("SKIPPED: the pictures of docs/web.md are made by make screenshots")
	}
	b := newBrowser(t)
	live := newLive(t)
	shots := screens(live.town)
	for _, s := range []struct {
		name, path string
		look       look
	}{
		{"overview", "/", look{"light", 1280, 860}},
		{"overview-dark", "/", look{"dark", 1280, 860}},
		{"overview-phone", "/", look{"light", 390, 844}},
		{"jobs", "/jobs", look{"light", 1280, 800}},
		{"jobs-phone", "/jobs", look{"dark", 390, 844}},
		{"job", "/jobs/crm/sync", look{"light", 1280, 1000}},
		{"run", shots[12], look{"dark", 1280, 760}},
		{"calendar", "/calendar", look{"light", 1280, 900}},
		{"load", "/load", look{"light", 1280, 640}},
		{"editor", "/edit/etl/partners?schedule=30+2+*+*+*", look{"light", 1280, 860}},
		{"dead-letters", "/dead", look{"light", 1280, 500}},
		{"members", "/members", look{"dark", 1280, 480}},
	} {
		t.Run(s.name, func(t *testing.T) { picture(b.open(t, live.url, s.look), s.path, folder+"/"+s.name+".png") })
	}
}

// picture takes a picture of a page.
func picture(p *tab, path, file string) {
	p.t.Helper()
	p.to(path)
	p.until(`!document.querySelector("main").dataset.live || document.querySelector("#live").dataset.liveState === "on"`)
	var png []byte
	p.do(chromedp.CaptureScreenshot(&png))
	require.NoError(p.t, os.WriteFile(file, png, 0o644))
}
