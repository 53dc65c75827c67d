package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/client"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/topic"
)

// reachable is how to reach Kafka, or a server that does: the settings of the
// commands that can do with either.
type reachable struct {
	connection
	Server    string `group:"server" placeholder:"URL" env:"BELFRY_SERVER" help:"Ask this server instead of Kafka, such as https://belfry.example.org."`
	Token     string `group:"server" hidden:"" env:"BELFRY_TOKEN" help:"Token for the server; better given as a variable or a file."`
	TokenFile string `group:"server" name:"token-file" placeholder:"FILE" predictor:"file" env:"BELFRY_TOKEN_FILE" help:"File that holds a token for the server (or BELFRY_TOKEN has it)."`
	ServerCA  string `group:"server" name:"server-ca" placeholder:"FILE" predictor:"file" env:"BELFRY_SERVER_CA" help:"Trust these CA certificates (PEM) of the server instead of the system's."`
}

// way is the way to the answers: one of the two is set.
type way struct {
	kafka  *cluster
	server *client.Client
}

// way reaches the server, if one is named, else Kafka and the topics.
func (c *reachable) way(ctx context.Context, s *session) (*way, error) {
	if c.Server == "" {
		k, err := c.connect(ctx, s)
		return &way{kafka: k}, err
	}
	server, err := c.toServer()
	if err != nil {
		return nil, usageError(err)
	}
	s.progress.say("asking " + c.Server)
	return &way{server: server}, nil
}

// wayToAny is way for who can do without the topics.
func (c *reachable) wayToAny(ctx context.Context, s *session) (*way, error) {
	if c.Server != "" {
		return c.way(ctx, s)
	}
	k, err := c.reach(ctx, s)
	return &way{kafka: k}, err
}

func (c *reachable) toServer() (*client.Client, error) {
	o := client.Options{URL: c.Server, Token: c.Token, CAFile: c.ServerCA, Wait: c.Wait, Agent: "belfry/" + currentVersion().Belfry}
	if c.TokenFile != "" {
		text, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		o.Token = strings.TrimSpace(string(text))
	}
	return client.New(o)
}

func (w *way) close() {
	if w.kafka != nil {
		w.kafka.close()
	}
}

func (w *way) statuses(ctx context.Context, cluster string) (query.Statuses, error) {
	if w.server != nil {
		return w.server.Statuses(ctx, cluster)
	}
	return w.kafka.Statuses(ctx, cluster, time.Now())
}

// job returns the job in force under that name.
func (w *way) job(ctx context.Context, name string) (topic.Job, error) {
	if w.server != nil {
		j, err := w.server.Job(ctx, name)
		return j, told(err)
	}
	return w.kafka.job(ctx, name)
}

// inForce returns a *query.NoJobError if no job is in force under that name.
func (w *way) inForce(ctx context.Context, name string) error {
	if w.server != nil {
		_, err := w.server.Job(ctx, name)
		return err
	}
	_, err := w.kafka.Job(ctx, name)
	return err
}

func (w *way) runs(ctx context.Context, f query.RunFilter) (query.Runs, error) {
	if w.server != nil {
		return w.server.Runs(ctx, f)
	}
	return w.kafka.Runs(ctx, f)
}

func (w *way) explained(ctx context.Context, name string, span query.Span) (query.Explained, error) {
	if w.server != nil {
		return w.server.Explained(ctx, name, span)
	}
	return w.kafka.Explained(ctx, name, span, time.Now())
}

func (w *way) members(ctx context.Context, all bool) (member.Roster, error) {
	if w.server != nil {
		return w.server.Members(ctx, all)
	}
	return w.kafka.Members(ctx, all, time.Now())
}

func (w *way) deadLetters(ctx context.Context, f query.DeadFilter) ([]query.DeadLetter, error) {
	if w.server != nil {
		return w.server.DeadLetters(ctx, f)
	}
	return w.kafka.DeadLetters(ctx, f)
}

func (w *way) listTopics(ctx context.Context) ([]kafka.Topic, error) {
	if w.server != nil {
		return w.server.Topics(ctx)
	}
	return w.kafka.admin.ListTopics(ctx)
}

func (w *way) pause(ctx context.Context, name string) error {
	if w.server != nil {
		_, err := w.server.Ask(ctx, name, "pause")
		return err
	}
	_, err := w.kafka.steer().Pause(ctx, keyboard(), name)
	return err
}

func (w *way) resume(ctx context.Context, name string) error {
	if w.server != nil {
		_, err := w.server.Ask(ctx, name, "resume")
		return err
	}
	_, err := w.kafka.steer().Resume(ctx, keyboard(), name)
	return err
}

// found returns the run that an ID or the beginning of one names, and what the
// ledger knows of it: the zero Run, if nothing.
func (w *way) found(ctx context.Context, prefix string) (query.Found, ledger.Run, error) {
	if w.server != nil {
		r, err := w.server.RunOf(ctx, prefix)
		f := query.Found{ID: r.ID, Job: r.Job, Due: r.Due, Cluster: r.Cluster}
		if r.Ended() {
			f.Ended = &shard.Summary{ID: r.ID, State: r.State}
		}
		return f, r, err
	}
	f, err := w.kafka.FindRun(ctx, prefix)
	return f, ledger.Run{}, err
}

func (w *way) cancel(ctx context.Context, f query.Found) error {
	if w.server != nil {
		_, err := w.server.AskOf(ctx, f.ID, "cancel")
		return err
	}
	_, err := w.kafka.steer().Cancel(ctx, keyboard(), f)
	return err
}

// requeue returns the new run.
func (w *way) requeue(ctx context.Context, r *run.Run) (run.ID, error) {
	if w.server != nil {
		return w.server.AskOf(ctx, r.ID, "requeue")
	}
	asked, err := w.kafka.steer().Requeue(ctx, keyboard(), query.Found{ID: r.ID, Job: r.Job, Due: r.Due}, "")
	return asked.Run, err
}

func (w *way) plan(ctx context.Context, jobs []job.Job, prune []string, span plan.Window) (steer.Forecast, error) {
	if w.server != nil {
		return w.server.Plan(ctx, jobs, prune, span)
	}
	have, err := w.kafka.Jobs(ctx)
	if err != nil {
		return steer.Forecast{}, err
	}
	states, err := w.kafka.States(ctx, "")
	if err != nil {
		return steer.Forecast{}, err
	}
	return steer.NewForecast(have, states.Jobs, steer.Plan(have, jobs, steer.FromPaths(prune)), span)
}

func (w *way) tokens(ctx context.Context) ([]access.Token, error) {
	if w.server != nil {
		return w.server.Tokens(ctx)
	}
	return w.kafka.Tokens(ctx)
}

func (w *way) makeToken(ctx context.Context, t access.Token) (access.Token, string, error) {
	if w.server != nil {
		return w.server.MakeToken(ctx, t)
	}
	return w.kafka.steer().MakeToken(ctx, keyboard(), t)
}

func (w *way) revokeToken(ctx context.Context, id string) error {
	if w.server != nil {
		return w.server.RevokeToken(ctx, id)
	}
	_, err := w.kafka.steer().RevokeToken(ctx, keyboard(), id)
	return err
}
