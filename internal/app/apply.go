package app

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/query"
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
}

// Store is the jobs topic: what is in force, and how that is changed.
type Store struct{ *query.Topics }

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
			changes = append(changes, Change{Kind: Changed, Name: j.Name, Fields: differing(before.Job, j), Job: j})
		}
	}
	for name, j := range have {
		if !wanted[name] && prune(j.Job) {
			changes = append(changes, Change{Kind: Removed, Name: name, Job: j.Job})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return changes
}

// FromPath is a prune for Plan: the jobs that came from the file or folder.
func FromPath(path string) func(job.Job) bool {
	return func(j job.Job) bool { return cameFrom(j.Source, path) }
}

// Keep is a prune for Plan that removes nothing.
func Keep(job.Job) bool { return false }

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

// Write puts changes into force, by and at whom and when it says. It returns
// when all are acknowledged.
func (s Store) Write(ctx context.Context, changes []Change, by string, at time.Time) error {
	records := make([]*kgo.Record, 0, len(changes))
	for _, c := range changes {
		r := &kgo.Record{
			Topic: s.Names.Jobs(), Key: []byte(c.Name), Partition: topic.Partition(c.Name, s.Shards),
		}
		if c.Kind != Removed {
			value, err := topic.EncodeJob(topic.Job{AppliedAt: at.UTC(), AppliedBy: by, Job: c.Job})
			if err != nil {
				return fmt.Errorf("encoding job %s: %w", c.Name, err)
			}
			r.Value = value
		}
		records = append(records, r)
	}
	for _, result := range s.Client.ProduceSync(ctx, records...) {
		if result.Err != nil {
			return fmt.Errorf("writing job %s: %w", result.Record.Key, result.Err)
		}
	}
	return nil
}
