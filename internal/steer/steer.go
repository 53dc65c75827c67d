package steer

import (
	"context"
	"errors"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// AnyVersion as the version that a caller saw means: whatever is in force.
const AnyVersion = "*"

// NoVersion as the version that a caller saw means: no such job is in force.
const NoVersion = ""

// VersionError says that the job in force is not the one that the caller saw.
type VersionError struct {
	Job string
	// Seen is what the caller saw, InForce what there is; NoVersion for none.
	Seen, InForce string
}

// Error is for the error interface.
func (e *VersionError) Error() string {
	return "job " + e.Job + " was changed meanwhile: look at it again"
}

// Put is what became of a job that was put.
type Put struct {
	// Version is that of the job now in force (Digest).
	Version string
	Created bool
	// Fields are the names of those that changed, as they are written in files.
	Fields []string
}

// RunOptions say how a run that somebody asks for differs from the others.
type RunOptions struct {
	// Key makes asking twice the same as asking once, for 24 hours; empty is
	// none. It counts per principal and job.
	Key string
	// Env is added to the job's environment, over it.
	Env map[string]string
}

// Asked is a request that a shard will act on. Run is the run that will come of
// it, if any.
type Asked struct {
	Request run.Request
	Run     run.ID
}

// Steer changes what is in force.
type Steer struct {
	topics *query.Topics
	ensure func(ctx context.Context, clusters []string) error
	now    func() time.Time
}

// Options say what a Steer works on.
type Options struct {
	Topics *query.Topics
	// Ensure makes the topics of clusters that are missing, before a job of them
	// is written; nil leaves that to others.
	Ensure func(ctx context.Context, clusters []string) error
	// Now tells the time: time.Now, if nil.
	Now func() time.Time
}

// New returns a Steer.
func New(o Options) *Steer {
	s := &Steer{topics: o.Topics, ensure: o.Ensure, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Digest is the version of a job that callers see and give back: a short hash
// of the whole definition, also of what changes nothing about its runs.
func Digest(job.Job) string { return "" }

var errToCome = errors.New("to come")

// PutJob puts a job into force if the version in force is seen. It returns
// job.Problems, a *VersionError or an *access.DeniedError.
func (s *Steer) PutJob(ctx context.Context, who access.Principal, j job.Job, seen string) (Put, error) {
	return Put{}, errToCome
}

// DeleteJob takes a job out of force if the version in force is seen. It returns
// a *query.NoJobError, a *VersionError or an *access.DeniedError.
func (s *Steer) DeleteJob(ctx context.Context, who access.Principal, name, seen string) error {
	return errToCome
}

// Pause lets a job skip its due times until it is resumed.
func (s *Steer) Pause(ctx context.Context, who access.Principal, name string) (Asked, error) {
	return Asked{}, errToCome
}

// Resume undoes a pause that was requested.
func (s *Steer) Resume(ctx context.Context, who access.Principal, name string) (Asked, error) {
	return Asked{}, errToCome
}

// Run asks for a run now.
func (s *Steer) Run(ctx context.Context, who access.Principal, name string, o RunOptions) (Asked, error) {
	return Asked{}, errToCome
}

// Cancel ends a run, started or not.
func (s *Steer) Cancel(ctx context.Context, who access.Principal, r query.Found) (Asked, error) {
	return Asked{}, errToCome
}

// Requeue runs again what was given up: a new run with the old due time. Key is
// as in RunOptions.
func (s *Steer) Requeue(ctx context.Context, who access.Principal, r query.Found, key string) (Asked, error) {
	return Asked{}, errToCome
}

// Discard says that a dead run needs nobody any more.
func (s *Steer) Discard(ctx context.Context, who access.Principal, r query.Found) (Asked, error) {
	return Asked{}, errToCome
}

// ChangeKind is what an apply does to one job.
type ChangeKind string

// The kinds of change.
const (
	Added   ChangeKind = "added"
	Changed ChangeKind = "changed"
	Removed ChangeKind = "removed"
)

// Change is what an apply does to one job. Fields are the names of those that
// changed, as they are written in files.
type Change struct {
	Kind   ChangeKind `json:"kind"`
	Name   string     `json:"job"`
	Fields []string   `json:"fields,omitempty"`
	Job    job.Job    `json:"-"`
}

// Plan returns what makes want be in force: records only for what differs
// from have, and removals of those jobs that prune names and want lacks.
// Changes come by name.
func Plan(have map[string]topic.Job, want []job.Job, prune func(job.Job) bool) []Change { return nil }

// Apply puts changes into force. It returns when all are acknowledged.
func (s *Steer) Apply(ctx context.Context, who access.Principal, changes []Change) error {
	return errToCome
}
