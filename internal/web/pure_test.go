package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/schedule"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

// TestWhatOthersWroteIsUnchanged: what is served as htmx is what npm has.
func TestWhatOthersWroteIsUnchanged(t *testing.T) {
	data, err := static.ReadFile("static/htmx.min.js")
	require.NoError(t, err)
	sum := sha256.Sum256(data)
	require.Equal(t, "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130", hex.EncodeToString(sum[:]))
}

func TestWordsForTimes(t *testing.T) {
	berlin, err := tzdata.Load("Europe/Berlin")
	require.NoError(t, err)
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	c := clock{now: now, zone: berlin}
	for _, one := range []struct {
		at         time.Time
		rel, short string
	}{
		{now, "now", "11:00"},
		{now.Add(-999 * time.Millisecond), "now", "10:59:59"},
		{now.Add(-time.Second), "1 s ago", "10:59:59"},
		{now.Add(-90 * time.Second), "1 min ago", "10:58:30"},
		{now.Add(-47 * time.Hour), "47 h ago", "27 Nov 12:00"},
		{now.Add(-49 * time.Hour), "2 d ago", "27 Nov 10:00"},
		{now.Add(90 * time.Second), "in 1 min 30 s", "11:01:30"},
		{now.Add(time.Hour), "in 1 h", "12:00"},
		{now.Add(40 * 24 * time.Hour), "in 40 d", "8 Jan 2027 11:00"},
	} {
		m := c.moment(one.at)
		require.Equal(t, one.rel, m.Rel)
		require.Equal(t, one.short, m.Short)
	}
	require.Equal(t, "Sun 29 Nov 2026 11:00:00 CET", c.moment(now).Full)
	require.True(t, c.moment(time.Time{}).Zero())
}

func TestWordsForSizes(t *testing.T) {
	require.Equal(t, []string{"0 ms", "999 ms", "1 s", "1.5 s", "10 s", "1 min 1 s", "−2 s"}, []string{
		lasting(0), lasting(999 * time.Millisecond), lasting(time.Second), lasting(1500 * time.Millisecond), lasting(10 * time.Second), lasting(61 * time.Second), lasting(-2 * time.Second),
	})
	require.Equal(t, []string{"1023 B", "1.0 KiB", "64.0 KiB", "1.5 MiB"}, []string{size(1023), size(1024), size(64 << 10), size(3 << 19)})
	require.Equal(t, []string{"1 job", "2 jobs", "3 days", "12\u2009345 retries"}, []string{counted(1, "job"), counted(2, "job"), counted(3, "day"), counted(12345, "retry")})
}

// TestFormsGoOnWithinTheSite: whoever makes a form cannot send people elsewhere.
func TestFormsGoOnWithinTheSite(t *testing.T) {
	for next, want := range map[string]string{
		"/jobs?health=late": "/jobs?health=late", "/jobs/a/b": "/jobs/a/b", "": "/", "jobs": "/", "//evil.example": "/", "/\\evil.example": "/",
		"https://evil.example/": "/", "/x\r\nSet-Cookie: a=b": "/", "javascript:alert(1)": "/", "///evil.example": "/",
	} {
		require.Equal(t, want, localPath(next), "%q", next)
	}
}

// TestADiffLeadsFromOneTextToTheOther: what is not added is the one, what is not
// removed the other.
func TestADiffLeadsFromOneTextToTheOther(t *testing.T) {
	line := rapid.SampledFrom([]string{"a", "b", "c", "", "  d: 1"})
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(line, 1, 12).Draw(t, "before")
		after := rapid.SliceOfN(line, 1, 12).Draw(t, "after")
		var was, is []string
		for _, l := range diffLines(strings.Join(before, "\n")+"\n", strings.Join(after, "\n")+"\n") {
			if l.Class != "add" {
				was = append(was, l.Text)
			}
			if l.Class != "del" {
				is = append(is, l.Text)
			}
		}
		require.Equal(t, before, was)
		require.Equal(t, after, is)
	})
}

func TestADiffOfTheSameIsEmpty(t *testing.T) {
	require.Nil(t, changedOnly(diffLines("a\nb\n", "a\nb\n")))
	require.NotNil(t, changedOnly(diffLines("a\nb\n", "a\nc\n")))
}

// hostile are texts that are hard to write down.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"yes", "null", "~", "0x10", "1e3", "- a", "a: b", "#x", "'", "\"", "|", "a\nb", "a\n", "\n", " a ", "{}", "<script>alert(1)</script>", "${X}", "é", "\t", "*", "&a", "!x", "%", "@every", "1:30"}),
		rapid.StringMatching(`[ -~]{1,30}`),
	)
}

// drawJob draws a job that is valid.
func drawJob(t *rapid.T) job.Job {
	j := job.Default()
	j.Name = rapid.StringMatching(`[a-z][a-z0-9._-]{0,10}(/[a-z0-9]{1,5})?`).Draw(t, "name")
	j.Cluster = rapid.SampledFrom(job.DefaultClusters()).Draw(t, "cluster")
	j.Schedule = rapid.SampledFrom([]string{"", "* * * * *", "*/5 9-17 * * 1-5", "@every 90s", "@daily", "H 3 * * *"}).Draw(t, "schedule")
	j.Timezone = rapid.SampledFrom([]string{"UTC", "Europe/Berlin"}).Draw(t, "timezone")
	j.Description = rapid.OneOf(rapid.Just(""), hostile()).Draw(t, "description")
	if rapid.Bool().Draw(t, "shell") {
		j.Command = []string{"/bin/sh", "-c", hostile().Draw(t, "command")}
	} else {
		j.Command = append([]string{"/bin/true"}, rapid.SliceOfN(hostile(), 0, 3).Draw(t, "arguments")...)
	}
	j.Env = rapid.MapOfN(rapid.StringMatching(`[A-Z][A-Z0-9_]{0,5}`), hostile(), 0, 2).Draw(t, "env")
	j.Labels = rapid.MapOfN(rapid.StringMatching(`[a-z]{1,5}`), rapid.StringMatching(`[a-z0-9]{1,8}`), 0, 2).Draw(t, "labels")
	whole := rapid.SampledFrom([]time.Duration{0, 1500 * time.Millisecond, time.Second, 90 * time.Second, 26 * time.Hour})
	j.Timeout, j.Jitter, j.StartDeadline = whole.Draw(t, "timeout"), whole.Draw(t, "jitter"), whole.Draw(t, "start_deadline")
	j.Retries = rapid.IntRange(0, 3).Draw(t, "retries")
	j.Overlap = rapid.SampledFrom([]job.Overlap{job.OverlapAllow, job.OverlapSkip, job.OverlapQueue, job.OverlapReplace}).Draw(t, "overlap")
	j.CatchUp.Policy = rapid.SampledFrom([]job.CatchUpPolicy{job.CatchUpNone, job.CatchUpLast, job.CatchUpAll}).Draw(t, "catch_up")
	if rapid.Bool().Draw(t, "notify") {
		j.Notify = []job.Notify{{
			When: []job.When{job.WhenLate, job.WhenSkipped}, To: []string{"chat"},
			Every: whole.Draw(t, "every"), LateAfter: whole.Draw(t, "late_after"), InARow: rapid.IntRange(0, 5).Draw(t, "in_a_row"),
		}}
		j.ExpectSuccessWithin = whole.Draw(t, "expect_success_within")
		j.DoneBy = rapid.SampledFrom([]string{"", "06:00"}).Draw(t, "done_by")
	}
	j.Paused, j.Linger = rapid.Bool().Draw(t, "paused"), rapid.Bool().Draw(t, "linger")
	return j.WithDefaults()
}

// TestWhatTheEditorShowsMeansTheJob: the text of a job is that job, or the
// editor says that it cannot write it. Most it can.
func TestWhatTheEditorShowsMeansTheJob(t *testing.T) {
	could, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		j := drawJob(t)
		if len(j.Validate()) > 0 {
			t.Skip("not a job")
		}
		all++
		back, problems := jobOf(definitionText(j))
		back.Source = j.Source
		if len(problems) > 0 || back.Digest() != j.Digest() {
			require.False(t, writable(j), "%v\n%s", problems, definitionText(j))
			return
		}
		could++
		require.True(t, writable(j))
	})
	require.Greater(t, could*100, all*90, "%d of %d", could, all)
}

// TestCalendarsAndBlackoutsAreWritten with the job that names them.
func TestCalendarsAndBlackoutsAreWritten(t *testing.T) {
	set, err := job.Parse([]job.File{{Name: "x.yaml", Data: []byte(`
calendars:
  holidays:
    - 2026-12-24..2027-01-01
    - rrule: FREQ=WEEKLY;INTERVAL=2;BYDAY=FR
      from: 2026-01-02
jobs:
  - name: a
    schedule: "0 9 * * *"
    command: "true"
    except_on: holidays
    blackouts:
      - {name: year-end, from: 2026-12-31T12:00:00+01:00, to: 2027-01-04T08:00:00+01:00}
      - {name: sundays, weekly: "sun 02:00..04:00", timezone: Europe/Berlin}
`)}})
	require.NoError(t, err)
	require.True(t, writable(set.Jobs[0]), definitionText(set.Jobs[0]))
}

// TestSuggestionsAreSchedules: what is suggested is an expression, of the same
// hours and days.
func TestSuggestionsAreSchedules(t *testing.T) {
	for was, want := range map[string]string{
		"0 * * * *": "H * * * *", "0 3 * * 1-5": "H 3 * * 1-5", "*/5 * * * *": "H/5 * * * *", "30 2 * * *": "", "@daily": "", "H 3 * * *": "",
	} {
		got := suggest(&dueJob{def: job.Job{Name: "a", Schedule: was}}).Instead
		require.Equal(t, want, got, was)
		if got != "" {
			_, err := schedule.Parse(got, schedule.Options{Key: "a"})
			require.NoError(t, err)
		}
	}
	require.Empty(t, suggest(&dueJob{def: job.Job{Name: "a", Schedule: "0 * * * *", Jitter: time.Minute}}).Instead)
}

func TestStripsShowFailuresAboveAll(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	runs := []history.StripRun{
		{ID: "11111111-1111", Due: now.Add(-2 * time.Hour), State: run.StateSucceeded, Duration: time.Second},
		{ID: "22222222-2222", Due: now.Add(-time.Hour), State: run.StateDead, Duration: time.Millisecond, Lateness: 3 * time.Second},
		{ID: "33333333-3333", Due: now, State: run.StateCancelled},
	}
	s := stripOf(runs, clock{now: now, zone: time.UTC})
	require.Equal(t, "last 3 runs: 1 succeeded, 1 failed, 1 cancelled or skipped", s.Label)
	require.Len(t, s.Bars, 3)
	require.Equal(t, bar{X: 28 * 6, Y: 0, W: stripBar, H: stripHeight, Class: "bad", Title: "09:00 dead, took 1 ms, 3 s late", Href: "/runs/22222222-2222"}, s.Bars[1])
	require.Less(t, s.Bars[0].H, stripHeight)
	require.Equal(t, stripWidth, s.Bars[2].X+s.Bars[2].W+1)
	require.Equal(t, "no runs yet", stripOf(nil, clock{now: now, zone: time.UTC}).Label)
}

// TestChartsStayInTheirFrame, whatever the numbers.
func TestChartsStayInTheirFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cols := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) column {
			return column{Parts: []part{{"bad", float64(rapid.IntRange(0, 9).Draw(t, "bad"))}, {"good", float64(rapid.IntRange(0, 100_000).Draw(t, "good"))}}}
		}), 0, 80).Draw(t, "columns")
		c := columnsOf(cols, 80, "")
		for _, b := range c.Bars {
			require.True(t, b.X >= 0 && b.X+b.W <= c.Width && b.Y >= 0 && b.Y < c.Height && b.H > 0, "%+v in %d×%d", b, c.Width, c.Height)
		}
	})
}

func TestHealthInOneSentence(t *testing.T) {
	for _, c := range []struct {
		o     history.Overview
		slots []slotRow
		tone  tone
		want  string
	}{
		{history.Overview{}, nil, none, "There are no jobs yet."},
		{history.Overview{Jobs: 1}, nil, good, "The job is well: it neither fails nor is it late."},
		{history.Overview{Jobs: 7}, nil, good, "All 7 jobs are well: none fails, none is late."},
		{history.Overview{Jobs: 7, Late: 1, Dead: 2}, nil, late, "None of 7 jobs fails, 1 is late and 2 dead letters of the last day wait."},
		{history.Overview{Jobs: 7, Failing: 1, Aside: 1}, []slotRow{{Slots: history.Slots{Cluster: "b"}}}, bad, "1 of 7 jobs fails, 1 is set aside and no worker of b lives."},
	} {
		tone, text := health(c.o, c.slots)
		require.Equal(t, c.want, text)
		require.Equal(t, c.tone, tone)
	}
}

func TestRanges(t *testing.T) {
	require.Equal(t, "0–3, 5", ranges([]int32{3, 1, 0, 2, 5}))
	require.Empty(t, ranges(nil))
}

func TestCommandsAsPeopleWriteThem(t *testing.T) {
	require.Equal(t, "make x | tee y", commandLine([]string{"/bin/sh", "-c", "make x | tee y"}))
	require.Equal(t, `/bin/echo 'a b' '' 'it'\''s'`, commandLine([]string{"/bin/echo", "a b", "", "it's"}))
}

// TestEveryStateHasATone, so that none looks like one that nobody knows.
func TestEveryStateHasATone(t *testing.T) {
	for s, want := range map[run.State]tone{
		run.StateQueued: wait, run.StateClaimed: wait, run.StateWaiting: wait, run.StateStarted: busy, run.StateSucceeded: good,
		run.StateFailed: bad, run.StateTimedOut: bad, run.StateLost: bad, run.StateDead: bad, run.StateCancelled: none, run.StateSkipped: none,
	} {
		require.Equal(t, want, toneOf(s), s)
	}
	for s, want := range map[member.Status]tone{member.StatusLive: good, member.StatusSilent: late, member.StatusGone: bad, member.StatusLeft: none} {
		require.Equal(t, want, memberMark(s).Tone)
	}
}

// TestFilters: what an address says becomes a filter and the same address again,
// and what it cannot mean is refused with what would be right.
func TestFilters(t *testing.T) {
	q := jobQuery{Text: "a b&c", Cluster: "x", Label: "team=web", Health: "late"}
	f, err := q.filter()
	require.NoError(t, err)
	require.Equal(t, map[string]string{"team": "web"}, f.Labels)
	require.Equal(t, "/jobs?cluster=x&health=late&label=team%3Dweb&text=a+b%26c", q.address())
	for _, wrong := range []jobQuery{{Health: "ill"}, {Label: "team"}, {Label: "=x"}} {
		_, err := wrong.filter()
		require.Equal(t, 400, statusOf(err), fmt.Sprint(wrong))
	}
	berlin, err := tzdata.Load("Europe/Berlin")
	require.NoError(t, err)
	runs, err := runQuery{State: "failed", Exit: "3", From: "2026-10-25", To: "2026-10-25"}.filter(berlin)
	require.NoError(t, err)
	require.Equal(t, 25*time.Hour, runs.To.Sub(runs.From), "a day on which the clock goes back")
	require.Equal(t, failed(), runs.States)
	require.Equal(t, 3, *runs.ExitCode)
	for _, wrong := range []runQuery{{State: "x"}, {Exit: "x"}, {From: "1.5.2026"}, {To: "x"}, {Label: "x"}} {
		_, err := wrong.filter(time.UTC)
		require.Equal(t, 400, statusOf(err), fmt.Sprint(wrong))
	}
}
