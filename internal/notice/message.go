package notice

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// The headers of what a webhook gets. The signature is "t=SECONDS,v1=HEX": the
// HMAC-SHA256 of the seconds, a dot and the body.
const (
	SignatureHeader = "Belfry-Signature"
	NoticesHeader   = "Belfry-Notices" // the IDs of the notices, with commas between
)

// request is one POST.
type request struct {
	header http.Header
	body   []byte
}

// requests returns what tells a target of the notices, which are as many as one
// message may hold.
func (t *Target) requests(notices []run.Notice, prefix string, now time.Time) ([]request, error) {
	switch t.Kind {
	case KindSlack:
		return t.slack(notices)
	case KindPagerDuty:
		return t.pagerDuty(notices, prefix)
	case KindWebhook:
	}
	return t.webhook(notices, prefix, now)
}

// most is how many notices a message to the target may hold.
func (t *Target) most() int {
	if t.Kind == KindPagerDuty {
		return 1
	}
	return maxGroup
}

// wants reports whether there is anything to send: of a recovery that a target
// did not ask for, only one that keeps incidents wants to know.
func (t *Target) wants(n *run.Notice) bool {
	if t.Kind == KindPagerDuty {
		return true
	}
	return slices.Contains(n.To, t.Name)
}

func (t *Target) webhook(notices []run.Notice, prefix string, now time.Time) ([]request, error) {
	type told struct {
		run.Notice
		Text string `json:"text"`
	}
	all := make([]told, len(notices))
	ids := make([]string, len(notices))
	for i, n := range notices {
		n.To, n.Resolve, n.V = nil, nil, topic.Version
		all[i], ids[i] = told{n, run.NoticeWords(&n)}, n.ID
	}
	body, err := topic.Marshal(map[string]any{"belfry": prefix, "notices": all})
	if err != nil {
		return nil, err
	}
	header := http.Header{NoticesHeader: {strings.Join(ids, ",")}}
	if len(t.Secret) > 0 {
		header.Set(SignatureHeader, Sign(t.Secret, now, body))
	}
	return []request{{header, body}}, nil
}

// Sign returns the signature of a body.
func Sign(secret []byte, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// slack escapes what would be a link or a mention.
func (t *Target) slack(notices []run.Notice) ([]request, error) {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	var b strings.Builder
	for i := range notices {
		n := &notices[i]
		fmt.Fprintf(&b, "%s *%s*: %s\n", sign(n.When), escape.Replace(n.Job), escape.Replace(run.NoticeWords(n)))
		if n.Outcome != nil && strings.TrimSpace(n.Outcome.Tail) != "" && len(notices) == 1 {
			tail := strings.ReplaceAll(last(n.Outcome.Tail, 1000), "```", "'''")
			fmt.Fprintf(&b, "```%s```\n", escape.Replace(tail))
		}
	}
	body, err := topic.Marshal(map[string]any{"text": strings.TrimSpace(b.String())})
	return []request{{nil, body}}, err
}

func sign(when job.When) string {
	if when == job.WhenRecovered {
		return "✅"
	}
	return "❗"
}

// last keeps the end of a text, from the begin of a line if there is one.
func last(text string, most int) string {
	if len(text) <= most {
		return text
	}
	text = strings.ToValidUTF8(text[len(text)-most:], "")
	if _, lines, ok := strings.Cut(text, "\n"); ok {
		return lines
	}
	return text
}

// maxSummary is what PagerDuty takes of a summary, in characters.
const maxSummary = 1024

// pagerDuty opens the notice's incident, or closes those that are over, each
// under its own key.
func (t *Target) pagerDuty(notices []run.Notice, prefix string) ([]request, error) {
	var all []request
	for i := range notices {
		n := &notices[i]
		events := []map[string]any{}
		for _, incident := range n.Closes {
			events = append(events, map[string]any{"event_action": "resolve", "dedup_key": incident})
		}
		if n.When != job.WhenRecovered {
			events = append(events, map[string]any{
				"event_action": "trigger", "dedup_key": n.Incident, "client": "Belfry",
				"payload": map[string]any{
					"summary": clip(n.Job+": "+run.NoticeWords(n), maxSummary), "source": prefix + n.Cluster,
					"severity": severity(n.When), "timestamp": n.At.UTC().Format(time.RFC3339),
					"component": n.Job, "group": n.Cluster, "class": string(n.When), "custom_details": details(n),
				},
			})
		}
		for _, event := range events {
			event["routing_key"] = string(t.Secret)
			body, err := topic.Marshal(event)
			if err != nil {
				return nil, err
			}
			all = append(all, request{nil, body})
		}
	}
	return all, nil
}

func details(n *run.Notice) map[string]any {
	d := map[string]any{"notice": n.ID, "job": n.Job}
	if n.Run != "" {
		d["run"], d["due"] = string(n.Run), n.Due.UTC().Format(time.RFC3339)
	}
	if n.Outcome != nil && n.Outcome.Tail != "" {
		d["output"] = n.Outcome.Tail
	}
	return d
}

func severity(when job.When) string {
	switch when {
	case job.WhenNoSuccess, job.WhenNotDone:
		return "critical"
	case job.WhenFailed, job.WhenFailing, job.WhenMissed:
		return "error"
	case job.WhenLate, job.WhenLong, job.WhenSkipped:
		return "warning"
	case job.WhenRecovered:
	}
	return "info"
}

func clip(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
