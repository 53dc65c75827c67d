package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Statuses is that of query.Topics.
func (c *Client) Statuses(ctx context.Context, cluster string) (query.Statuses, error) {
	var all query.Statuses
	err := c.get(ctx, "/states", given("cluster", cluster), &all)
	return all, err
}

// Job is that of query.Topics.
func (c *Client) Job(ctx context.Context, name string) (topic.Job, error) {
	var row struct {
		Definition topic.Job `json:"definition"`
	}
	err := c.get(ctx, "/jobs/"+url.PathEscape(name), nil, &row)
	if missing(err) {
		return topic.Job{}, &query.NoJobError{Job: name}
	}
	return row.Definition, err
}

// Runs is that of query.Topics.
func (c *Client) Runs(ctx context.Context, f query.RunFilter) (query.Runs, error) {
	q := given("job", f.Job, "since", instant(f.Since), "limit", strconv.Itoa(f.Limit))
	for _, s := range f.States {
		q.Add("state", string(s))
	}
	var all query.Runs
	err := c.get(ctx, "/ledger", q, &all)
	return all, err
}

// Explained is that of query.Topics.
func (c *Client) Explained(ctx context.Context, name string, s query.Span) (query.Explained, error) {
	var x query.Explained
	q := given("from", instant(s.From), "to", instant(s.To), "limit", strconv.Itoa(s.Limit))
	err := c.get(ctx, "/jobs/"+url.PathEscape(name)+"/explain", q, &x)
	if missing(err) {
		err = &query.NoJobError{Job: name, Since: s.From}
	}
	return x, err
}

// RunOf returns the run whose ID begins so.
func (c *Client) RunOf(ctx context.Context, prefix string) (ledger.Run, error) {
	var detail struct {
		Ledger ledger.Run `json:"ledger"`
	}
	if len(prefix) < minPrefix {
		return ledger.Run{}, &ProblemError{Status: http.StatusNotFound, Detail: "name a run with at least four letters of its ID"}
	}
	err := c.get(ctx, "/runs/"+url.PathEscape(prefix), nil, &detail)
	var p *ProblemError
	if errors.As(err, &p) && p.Status == http.StatusNotFound && strings.HasPrefix(p.Detail, "there is no run") {
		err = &query.NoRunError{Prefix: prefix}
	}
	return detail.Ledger, err
}

// minPrefix is how much of an ID the API wants.
const minPrefix = 4

// Members is that of query.Topics.
func (c *Client) Members(ctx context.Context, all bool) (member.Roster, error) {
	var m member.Roster
	err := c.get(ctx, "/members", given("all", strconv.FormatBool(all)), &m)
	for i := range m.Closed {
		m.Closed[i].Why = run.Words(m.Closed[i].Reason)
	}
	return m, err
}

// DeadLetters is that of query.Topics: oldest first.
func (c *Client) DeadLetters(ctx context.Context, f query.DeadFilter) ([]query.DeadLetter, error) {
	letters := []query.DeadLetter{}
	q := given("job", f.Job, "cluster", f.Cluster, "limit", "500")
	if f.Since.Unix() > 0 {
		q.Set("since", instant(f.Since))
	}
	for {
		var page struct {
			Letters []query.DeadLetter `json:"letters"`
			Next    string             `json:"next"`
		}
		if err := c.get(ctx, "/dead", q, &page); err != nil {
			return nil, err
		}
		letters = append(letters, page.Letters...)
		if page.Next == "" || f.Limit > 0 && len(letters) >= f.Limit {
			break
		}
		q.Set("after", page.Next)
	}
	if f.Limit > 0 {
		letters = letters[:min(len(letters), f.Limit)]
	}
	for i, j := 0, len(letters)-1; i < j; i, j = i+1, j-1 {
		letters[i], letters[j] = letters[j], letters[i]
	}
	return letters, nil
}

// Topics is ListTopics of kafka.Admin.
func (c *Client) Topics(ctx context.Context) ([]kafka.Topic, error) {
	var all struct {
		Topics []struct {
			Name        string `json:"name"`
			Cluster     string `json:"cluster"`
			Partitions  int32  `json:"partitions"`
			Replication int16  `json:"replication"`
			Offsets     int64  `json:"offsets"`
			Group       string `json:"group"`
			Waiting     int64  `json:"waiting"`
		} `json:"topics"`
	}
	err := c.get(ctx, "/topics", nil, &all)
	topics := make([]kafka.Topic, 0, len(all.Topics))
	for _, t := range all.Topics {
		topics = append(topics, kafka.Topic(t))
	}
	return topics, err
}

// Tokens is that of query.Topics.
func (c *Client) Tokens(ctx context.Context) ([]access.Token, error) {
	var all struct {
		Tokens []access.Token `json:"tokens"`
	}
	err := c.get(ctx, "/tokens", nil, &all)
	return all.Tokens, err
}

// MakeToken is that of steer.Steer.
func (c *Client) MakeToken(ctx context.Context, t access.Token) (access.Token, string, error) {
	var made struct {
		access.Token
		Text string `json:"token"`
	}
	err := c.do(ctx, http.MethodPost, "/tokens", struct {
		Name   string       `json:"name"`
		Role   access.Role  `json:"role"`
		Scope  access.Scope `json:"scope,omitzero"`
		EndsAt time.Time    `json:"ends_at,omitzero"`
	}{t.Name, t.Role, t.Scope, t.EndsAt}, &made)
	return made.Token, made.Text, err
}

// RevokeToken is that of steer.Steer; what the token was, the server does not
// say.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	err := c.do(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(id), nil, nil)
	if missing(err) {
		err = &access.NoTokenError{ID: id}
	}
	return err
}

// set is a set of jobs, as the API takes it.
type set struct {
	Jobs     []job.Job `json:"jobs"`
	Prune    []string  `json:"prune,omitempty"`
	Clusters []string  `json:"clusters,omitempty"`
	Hours    int       `json:"hours,omitzero"`
	From     time.Time `json:"from,omitzero"`
	DryRun   bool      `json:"dry_run,omitzero"`
}

// Plan says what jobs would change, with those gone that came from the paths of
// prune and are not among them.
func (c *Client) Plan(ctx context.Context, jobs []job.Job, prune []string, w plan.Window) (steer.Forecast, error) {
	var f steer.Forecast
	err := c.do(ctx, http.MethodPost, "/plan", set{
		Jobs: jobs, Prune: prune, From: w.From.UTC(), Hours: int(w.To.Sub(w.From) / time.Hour),
	}, &f)
	return f, err
}

// Apply puts jobs into force, or only says what that would change.
func (c *Client) Apply(ctx context.Context, s job.Set, prune []string, dryRun bool) ([]steer.Change, error) {
	var made struct {
		Changes []steer.Change `json:"changes"`
	}
	err := c.do(ctx, http.MethodPost, "/apply", set{Jobs: s.Jobs, Prune: prune, Clusters: s.Clusters, DryRun: dryRun}, &made)
	return made.Changes, err
}

// Ask asks the shard of a job: "pause", "resume" or "run".
func (c *Client) Ask(ctx context.Context, name, what string) (run.ID, error) {
	id, err := c.asked(ctx, "/jobs/"+url.PathEscape(name)+"/"+what)
	if missing(err) {
		err = &query.NoJobError{Job: name}
	}
	return id, err
}

// AskOf asks about a run: "cancel", "requeue" or "discard".
func (c *Client) AskOf(ctx context.Context, id run.ID, what string) (run.ID, error) {
	return c.asked(ctx, "/runs/"+url.PathEscape(string(id))+"/"+what)
}

func (c *Client) asked(ctx context.Context, path string) (run.ID, error) {
	var a struct {
		Run run.ID `json:"run"`
	}
	err := c.do(ctx, http.MethodPost, path, nil, &a)
	return a.Run, err
}

// given are the pairs whose value is not empty.
func given(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
