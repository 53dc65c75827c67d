package pagerduty_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/test/pagerduty"
)

const key = "0123456789abcdef0123456789abcdef"

func trigger(dedup string) string {
	return fmt.Sprintf(`{"routing_key":%q,"event_action":"trigger","dedup_key":%q,
		"payload":{"summary":"s","source":"p","severity":"critical"},"links":[{"href":"https://a/b","text":"Runbook"}]}`, key, dedup)
}

func resolve(dedup string) string {
	return fmt.Sprintf(`{"routing_key":%q,"event_action":"resolve","dedup_key":%q}`, key, dedup)
}

// TestOneIncidentAKey: repeated triggers are one incident, a resolve ends it, and
// the next trigger opens another.
func TestOneIncidentAKey(t *testing.T) {
	s, url := serve(t)
	for _, body := range []string{trigger("a"), trigger("a"), trigger("b"), resolve("a"), resolve("c"), trigger("a")} {
		status, answer := post(t, url, body)
		require.Equal(t, http.StatusAccepted, status, answer)
	}
	type seen struct {
		dedup  string
		status pagerduty.Status
		events int
	}
	var got []seen
	for _, i := range s.Incidents() {
		got = append(got, seen{i.DedupKey, i.Status, i.Events})
	}
	require.Equal(t, []seen{
		{"a", pagerduty.Resolved, 3}, {"b", pagerduty.Triggered, 1}, {"a", pagerduty.Triggered, 1},
	}, got)
}

// TestRefusesWhatTheRealOneRefuses: each with 400 and the field.
func TestRefusesWhatTheRealOneRefuses(t *testing.T) {
	s, url := serve(t)
	good := trigger("a")
	for name, c := range map[string]struct{ from, to, says string }{
		"no JSON":             {good, "{", "not valid JSON"},
		"a short key":         {key, "0123", "routing_key"},
		"a key of nobody":     {key, strings.Repeat("x", 32), "Invalid routing key"},
		"an unknown action":   {"trigger", "page", "event_action"},
		"no payload":          {`"payload":`, `"pay":`, "payload"},
		"no summary":          {`"summary":"s"`, `"summary":""`, "summary"},
		"a long summary":      {`"summary":"s"`, `"summary":"` + strings.Repeat("s", 1025) + `"`, "summary"},
		"no source":           {`"source":"p"`, `"source":""`, "source"},
		"an unknown severity": {"critical", "sev1", "severity"},
		"a wrong time":        {`"source"`, `"timestamp":"yesterday","source"`, "timestamp"},
		"a long dedup_key":    {`"a"`, `"` + strings.Repeat("a", 256) + `"`, "dedup_key"},
		"a link to nowhere":   {"https://a/b", "", "links[0].href"},
		"a number as summary": {`"summary":"s"`, `"summary":1`, "type"},
		"a resolve of what":   {good, resolve(""), "dedup_key"},
	} {
		body := strings.Replace(good, c.from, c.to, 1)
		require.NotEqual(t, good, body, name)
		status, answer := post(t, url, body)
		require.Equal(t, http.StatusBadRequest, status, name)
		require.Contains(t, answer, c.says, name)
	}
	status, _ := post(t, url, `{"x":"`+strings.Repeat("x", pagerduty.MaxEvent)+`"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	require.Empty(t, s.Incidents())
	require.Equal(t, 14, s.Refused())
}

// TestAnswersAsTold: 429 and 500 take nothing, and nothing leaves the sender
// waiting until it gives up.
func TestAnswersAsTold(t *testing.T) {
	s, url := serve(t)
	for with, want := range map[pagerduty.Answer]int{
		pagerduty.TooMany: http.StatusTooManyRequests, pagerduty.ServerError: http.StatusInternalServerError,
	} {
		status, _ := post(t, strings.TrimSuffix(url, "v2/enqueue")+"answer?with="+string(with), "")
		require.Equal(t, http.StatusOK, status)
		status, _ = post(t, url, trigger("a"))
		require.Equal(t, want, status)
	}
	s.Answer(pagerduty.Nothing)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(trigger("a")))
	require.NoError(t, err)
	response, err := new(http.Client).Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, s.Incidents())
	s.Answer(pagerduty.OK)
	status, _ := post(t, url, trigger("a"))
	require.Equal(t, http.StatusAccepted, status)
	require.Len(t, s.Incidents(), 1)
}

func serve(t *testing.T) (*pagerduty.Server, string) {
	t.Helper()
	s := &pagerduty.Server{Keys: []string{key}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL + "/v2/enqueue"
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	response, err := new(http.Client).Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(answer)
}
