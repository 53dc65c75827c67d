package steer

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/topic"
)

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

	before *job.Job
}

// Plan returns what makes want be in force: records only for what differs
// from have, and removals of those jobs that prune names and want lacks.
// Changes come by name.
func Plan(have map[string]topic.Job, want []job.Job, prune func(job.Job) bool) []Change {
	var changes []Change
	wanted := map[string]bool{}
	for _, j := range want {
		wanted[j.Name] = true
		before, ok := have[j.Name]
		switch {
		case !ok:
			changes = append(changes, Change{Kind: Added, Name: j.Name, Job: j})
		case !same(before.Job, j):
			changes = append(changes, Change{Kind: Changed, Name: j.Name, Fields: differing(before.Job, j), Job: j, before: &before.Job})
		}
	}
	for name, j := range have {
		if !wanted[name] && prune(j.Job) {
			changes = append(changes, Change{Kind: Removed, Name: name, Job: j.Job, before: &j.Job})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return changes
}

// Keep is a prune for Plan that removes nothing.
func Keep(job.Job) bool { return false }

// Apply puts changes into force and returns when all are acknowledged. The
// principal needs the role of an editor, and a scope that covers each job as it
// was and as it will be; else nothing is written.
func (s *Steer) Apply(ctx context.Context, who access.Principal, changes []Change) error {
	records := make([]*kgo.Record, 0, 2*len(changes))
	at := s.instant()
	for i := range changes {
		c := &changes[i]
		if err := c.mayBeMadeBy(who); err != nil {
			return err
		}
		both, err := s.records(who, at, c)
		if err != nil {
			return err
		}
		records = append(records, both...)
	}
	return s.write(ctx, records...)
}

func (c *Change) mayBeMadeBy(who access.Principal) error {
	if c.before != nil {
		if err := who.MayWith(access.Editor, c.Name, c.before.Cluster, c.before.Labels); err != nil {
			return err
		}
	}
	return who.MayWith(access.Editor, c.Name, c.Job.Cluster, c.Job.Labels)
}

// records are those of one change: the job, and who changed it.
func (s *Steer) records(who access.Principal, at time.Time, c *Change) ([]*kgo.Record, error) {
	written := &kgo.Record{
		Topic: s.topics.Names.Jobs(), Key: []byte(c.Name), Partition: topic.Partition(c.Name, s.topics.Shards),
	}
	change := audit.Record{Action: audit.JobPut, Job: c.Name}
	after := &c.Job
	if c.Kind == Removed {
		change.Action, after = audit.JobDelete, nil
	} else {
		value, err := topic.EncodeJob(topic.Job{AppliedAt: at, AppliedBy: who.Name, Job: c.Job})
		if err != nil {
			return nil, fmt.Errorf("encoding job %s: %w", c.Name, err)
		}
		written.Value = value
	}
	var err error
	was, is := audit.Hide(c.before, after)
	if change.Before, err = side(was); err != nil {
		return nil, err
	}
	if change.After, err = side(is); err != nil {
		return nil, err
	}
	noted, err := s.noted(who, at, change)
	return []*kgo.Record{written, noted}, err
}

// same compares what would stand on the wire.
func same(a, b job.Job) bool {
	left, errLeft := topic.Marshal(a)
	right, errRight := topic.Marshal(b)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

// differing names the fields in which two jobs differ.
func differing(a, b job.Job) []string {
	var names []string
	left, right := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range left.NumField() {
		if reflect.DeepEqual(left.Field(i).Interface(), right.Field(i).Interface()) {
			continue
		}
		name, _, _ := strings.Cut(left.Type().Field(i).Tag.Get("json"), ",")
		names = append(names, strings.TrimSuffix(name, "_ms"))
	}
	return names
}
