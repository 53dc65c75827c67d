package notice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// TestATargetThatFailsIsToldAgain: whatever it answers but that it will never
// take the message.
func TestATargetThatFailsIsToldAgain(t *testing.T) {
	for name, answers := range map[string][]http.HandlerFunc{
		"an error":       {status(500), status(503), status(200)},
		"not authorized": {status(401), status(200)},
		"too many":       {status(429), status(204)},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-r.Context().Done():
			}
			w.WriteHeader(http.StatusOK)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, answers...)
			o, settled := box(t, s.target(t, "hook", KindWebhook), quick())
			o.put(told("n1", settled))
			require.NoError(t, next(t, settled))
			got := s.wait(t, len(answers))
			require.Len(t, got, len(answers))
			for _, r := range got {
				require.Equal(t, "n1", r.header.Get(NoticesHeader), "the same ID each time")
			}
		})
	}
}

func TestATargetThatSaysNothingIsToldAgain(t *testing.T) {
	s := newStand(t, silence, status(200))
	p := quick()
	p.answer = 50 * time.Millisecond
	o, settled := box(t, s.target(t, "hook", KindWebhook), p)
	o.put(told("n1", settled))
	require.NoError(t, next(t, settled))
	require.Len(t, s.wait(t, 2), 2)
}

// TestATargetIsLeftAloneForAsLongAsItAsks: by Retry-After, in seconds or as a date.
func TestATargetIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	s := newStand(t, status(429, "Retry-After", "1"), status(200))
	o, settled := box(t, s.target(t, "hook", KindWebhook), quick())
	o.put(told("n1", settled))
	require.NoError(t, next(t, settled))
	got := s.wait(t, 2)
	require.GreaterOrEqual(t, got[1].at.Sub(got[0].at), time.Second)

	in := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	require.Equal(t, maxAsked, retryAfter(&http.Response{Header: http.Header{"Retry-After": {in}}}))
	for _, odd := range []string{"", "-1", "soon", "99999999999999999999"} {
		require.Zero(t, retryAfter(&http.Response{Header: http.Header{"Retry-After": {odd}}}), odd)
	}
}

func TestWhatIsNeverTakenIsGivenUp(t *testing.T) {
	t.Run("at once, if the target refuses the message", func(t *testing.T) {
		s := newStand(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte("no such\n  channel\xff"))
		})
		o, settled := box(t, s.target(t, "hook", KindWebhook), quick())
		o.put(told("n1", settled))
		require.EqualError(t, next(t, settled), "answered 400 Bad Request: no such channel")
		require.Len(t, s.wait(t, 1), 1)
	})
	t.Run("after a time, if it does not answer well", func(t *testing.T) {
		s := newStand(t, status(500))
		p := quick()
		p.giveUp = 100 * time.Millisecond
		o, settled := box(t, s.target(t, "hook", KindWebhook), p)
		o.put(told("n1", settled))
		require.EqualError(t, next(t, settled), "answered 500 Internal Server Error")
		require.Greater(t, len(s.all()), 1)
	})
	t.Run("the oldest, if too many wait", func(t *testing.T) {
		s := newStand(t, status(500))
		o, settled := box(t, s.target(t, "hook", KindWebhook), pace{group: time.Hour, answer: time.Second})
		for i := range maxWaiting + 3 {
			o.put(told(fmt.Sprint(i), settled))
		}
		require.Len(t, settled, 3)
		require.ErrorIs(t, next(t, settled), errTooMany)
	})
}

// TestNoticesThatComeTogetherAreOneMessage: where a target takes several.
func TestNoticesThatComeTogetherAreOneMessage(t *testing.T) {
	for kind, messages := range map[Kind]int{KindWebhook: 2, KindSlack: 2, KindPagerDuty: maxGroup + 5} {
		s := newStand(t, status(202))
		o, settled := box(t, s.target(t, "it", kind), quick())
		for i := range maxGroup + 5 {
			o.put(told(fmt.Sprint(i), settled))
		}
		for range maxGroup + 5 {
			require.NoError(t, next(t, settled))
		}
		require.Len(t, s.wait(t, messages), messages, kind)
	}
}

// TestWebhooksAreSigned: as docs/notices.md says how to check it.
func TestWebhooksAreSigned(t *testing.T) {
	s := newStand(t, status(200))
	target := s.target(t, "hook", KindWebhook)
	o, settled := box(t, target, quick())
	o.put(told("n1", settled))
	require.NoError(t, next(t, settled))
	got := s.wait(t, 1)[0]
	var seconds int64
	var signature string
	_, err := fmt.Sscanf(got.header.Get(SignatureHeader), "t=%d,v1=%s", &seconds, &signature)
	require.NoError(t, err)
	require.InDelta(t, time.Now().Unix(), seconds, 60)
	mac := hmac.New(sha256.New, target.Secret)
	_, _ = fmt.Fprintf(mac, "%d.%s", seconds, got.body)
	require.Equal(t, hex.EncodeToString(mac.Sum(nil)), signature)
	require.NotContains(t, got.body, string(target.Secret))

	var body struct {
		Belfry  string
		Notices []struct {
			ID, Job, When, Text string
			To                  []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &body, json.MatchCaseInsensitiveNames(true)))
	require.Equal(t, "belfry.", body.Belfry)
	require.Len(t, body.Notices, 1)
	require.Equal(t, "n1", body.Notices[0].ID)
	require.Equal(t, "failing", body.Notices[0].When)
	require.Contains(t, body.Notices[0].Text, "was given up: its command ended with exit code 2")
	require.Empty(t, body.Notices[0].To, "who else is told is nobody's business")
}

// TestSlackGetsTextWithoutMarkup: what a command wrote is no link and no mention.
func TestSlackGetsTextWithoutMarkup(t *testing.T) {
	n := failing("n1")
	n.Outcome.Tail = "<!channel> & <https://example.org|here>\n"
	target := Target{Name: "chat", Kind: KindSlack}
	all, err := target.requests([]run.Notice{n}, "belfry.", time.Now())
	require.NoError(t, err)
	var body struct {
		Text string `json:"text"`
	}
	require.NoError(t, json.Unmarshal(all[0].body, &body))
	require.Contains(t, body.Text, "*reports/nightly*: the run due at 2026-11-21 03:00:00 UTC was given up")
	require.NotContains(t, body.Text, "<")
	require.Contains(t, body.Text, "&lt;!channel&gt; &amp; ")
	n.Outcome.Tail = strings.Repeat("x", 2000) + "\n```last line"
	all, err = target.requests([]run.Notice{n}, "belfry.", time.Now())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(all[0].body, &body))
	require.Contains(t, body.Text, "'''last line")
	require.Less(t, len(body.Text), 1500)
}

// TestARecoveryGoesToWhoAsked: others that keep incidents close them.
func TestARecoveryGoesToWhoAsked(t *testing.T) {
	n := run.Notice{When: job.WhenRecovered, Closes: []string{"a"}, To: []string{"chat"}, Resolve: []string{"hook", "pager"}}
	for name, c := range map[string]struct {
		kind  Kind
		wants bool
	}{"chat": {KindSlack, true}, "hook": {KindWebhook, false}, "pager": {KindPagerDuty, true}} {
		target := Target{Name: name, Kind: c.kind}
		require.Equal(t, c.wants, target.wants(&n), name)
	}
}
