package steer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// MaxKey bounds a key that makes asking twice the same as asking once, in bytes.
const MaxKey = 255

// Asked is a request that a shard will act on.
type Asked struct {
	Request run.Request
	// Run is the run that it is about, or the one that will come of it.
	Run run.ID
	// Again says that it was sent before, with the same key, and not now.
	Again bool
}

// RunOptions say how a run that somebody asks for differs from the others.
type RunOptions struct {
	// Key makes asking twice the same as asking once, for 24 hours; empty is
	// none. It counts per principal and job.
	Key string
	// Env replaces variables of the job's environment and adds to them: at most
	// run.MaxOwnEnvNames, run.MaxOwnEnv bytes.
	Env map[string]string
}

// Pause lets a job skip its due times until it is resumed. As all that ask, it
// returns a *query.NoJobError or an *access.DeniedError.
func (s *Steer) Pause(ctx context.Context, who access.Principal, name string) (Asked, error) {
	return s.ask(ctx, who, question{action: audit.JobPause, request: run.Request{Type: run.RequestPause, Job: name}})
}

// Resume undoes a pause that was requested.
func (s *Steer) Resume(ctx context.Context, who access.Principal, name string) (Asked, error) {
	return s.ask(ctx, who, question{action: audit.JobResume, request: run.Request{Type: run.RequestResume, Job: name}})
}

// Run asks for a run now. It also returns an *InvalidError.
func (s *Steer) Run(ctx context.Context, who access.Principal, name string, o RunOptions) (Asked, error) {
	if problems := envProblems(o.Env); len(problems) > 0 {
		return Asked{}, &InvalidError{name, problems}
	}
	q := question{action: audit.JobRun, request: run.Request{Type: run.RequestRun, Job: name, Env: o.Env}, key: o.Key}
	if len(o.Env) > 0 { // their names; a value may be a secret
		q.fields = map[string]any{"env": slices.Sorted(maps.Keys(o.Env))}
	}
	return s.ask(ctx, who, q)
}

// envProblems says what is wrong with variables that a run is to have.
func envProblems(env map[string]string) job.Problems {
	var ps job.Problems
	bytes := 0
	for name, value := range env {
		bytes += len(name) + len(value)
	}
	if len(env) > run.MaxOwnEnvNames || bytes > run.MaxOwnEnv {
		return job.Problems{{
			Field: "env", Message: fmt.Sprintf("has %d variables, of %d bytes", len(env), bytes),
			Hint: fmt.Sprintf("at most %d, of %d bytes", run.MaxOwnEnvNames, run.MaxOwnEnv),
		}}
	}
	for _, p := range (job.Job{Env: env}).Validate() {
		if strings.HasPrefix(p.Field, "env") {
			ps = append(ps, p)
		}
	}
	return ps
}

// Cancel ends a run, started or not.
func (s *Steer) Cancel(ctx context.Context, who access.Principal, r query.Found) (Asked, error) {
	return s.ask(ctx, who, question{action: audit.RunCancel, request: run.Request{Type: run.RequestCancel, Job: r.Job, Run: r.ID}})
}

// Requeue runs again what was given up: a new run with the old due time. Key is
// as in RunOptions.
func (s *Steer) Requeue(ctx context.Context, who access.Principal, r query.Found, key string) (Asked, error) {
	return s.ask(ctx, who, question{
		action: audit.RunRequeue, key: key,
		request: run.Request{Type: run.RequestRequeue, Job: r.Job, Run: r.ID, Due: r.Due},
	})
}

// Replay runs again what was run, by the definition of then: a new run with the
// old due time. It also returns an *InvalidError, if the definition is too long.
func (s *Steer) Replay(ctx context.Context, who access.Principal, r query.Found, then job.Job, key string) (Asked, error) {
	value, err := topic.Marshal(then)
	if err != nil {
		return Asked{}, fmt.Errorf("encoding the definition of then: %w", err)
	}
	if len(value) > run.MaxDefinition {
		return Asked{}, &InvalidError{r.Job, job.Problems{{
			Message: fmt.Sprintf("the definition of then takes %d bytes, more than the %d of a replay", len(value), run.MaxDefinition),
			Hint:    "requeue runs the due time by the definition in force",
		}}}
	}
	// The definition of then may belong elsewhere: the principal needs both.
	if err := who.MayWith(access.Operator, r.Job, then.Cluster, then.Labels); err != nil {
		return Asked{}, err
	}
	return s.ask(ctx, who, question{
		action: audit.RunReplay, key: key, fields: map[string]any{"replayed": string(r.ID), "version": then.Version()},
		request: run.Request{Type: run.RequestReplay, Job: r.Job, Run: r.ID, Due: r.Due, Definition: &then},
	})
}

// Discard says that a dead run needs nobody any more.
func (s *Steer) Discard(ctx context.Context, who access.Principal, r query.Found) (Asked, error) {
	return s.ask(ctx, who, question{
		action: audit.RunDiscard, request: run.Request{Type: run.RequestDiscard, Job: r.Job, Run: r.ID, Due: r.Due},
	})
}

// question is a request in the making. The audit record says fields as well.
type question struct {
	action  audit.Action
	request run.Request
	key     string
	fields  map[string]any
}

// ask sends a request to the shard of its job, and notes who asked.
func (s *Steer) ask(ctx context.Context, who access.Principal, q question) (Asked, error) {
	if err := s.allowed(ctx, who, q.request.Job); err != nil {
		return Asked{}, err
	}
	r := q.request
	r.ID, r.At, r.By = uuid.NewString(), s.instant(), who.Name
	if q.key != "" {
		r.ID = keyed(who.Name, &r, q.key)
		before, again, err := s.before(ctx, &r)
		if err != nil {
			return Asked{}, err
		}
		if again {
			return asked(before, true), nil
		}
	}
	records, err := s.question(who, r, q)
	if err != nil {
		return Asked{}, err
	}
	if err := s.write(ctx, records...); err != nil {
		return Asked{}, err
	}
	if q.key != "" {
		s.asked.note(r)
	}
	return asked(r, false), nil
}

// question returns the records of a request: itself, and who asked.
func (s *Steer) question(who access.Principal, r run.Request, q question) ([]*kgo.Record, error) {
	value, err := topic.EncodeRequest(r)
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	note := audit.Record{Action: q.action, Job: r.Job, Run: asked(r, false).Run}
	if note.After, err = told(q.fields); err != nil {
		return nil, err
	}
	noted, err := s.noted(who, r.At, note)
	return []*kgo.Record{{
		Topic: s.topics.Names.Commands(), Key: []byte(r.Job), Value: value, Partition: topic.Partition(r.Job, s.topics.Shards),
	}, noted}, err
}

// asked names the run of a request.
func asked(r run.Request, again bool) Asked {
	a := Asked{Request: r, Run: r.Run, Again: again}
	switch r.Type {
	case run.RequestRun:
		a.Run = run.NewID(r.Job, r.At, r.ID)
	case run.RequestRequeue, run.RequestReplay:
		a.Run = run.NewID(r.Job, r.Due, r.ID)
	case run.RequestPause, run.RequestResume, run.RequestCancel, run.RequestDiscard,
		run.RequestBackfill, run.RequestBackfillPause, run.RequestBackfillResume, run.RequestBackfillCancel:
	}
	return a
}

// keyed is the ID of a request with a key: the same for the same question of the
// same principal.
func keyed(who string, r *run.Request, key string) string {
	parts := []string{who, r.Job, string(r.Type), string(r.Run), r.Backfill, key}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "key-" + hex.EncodeToString(sum[:16])
}

// before returns the request of that ID that was sent within the time of keys.
func (s *Steer) before(ctx context.Context, r *run.Request) (run.Request, bool, error) {
	since := r.At.Add(-keysFor)
	if before, ok := s.asked.find(r.ID); ok && before.At.After(since) {
		return before, true, nil
	}
	before, ok, err := s.topics.Request(ctx, r.Job, r.ID, since)
	if err != nil {
		return run.Request{}, false, err
	}
	if ok {
		s.asked.note(before)
	}
	return before, ok, nil
}
