package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

type deadCmd struct {
	List    deadListCmd    `cmd:"" default:"withargs" help:"List dead letters."`
	Requeue deadRequeueCmd `cmd:"" help:"Run again what was given up."`
}

type deadListCmd struct {
	connection
	answer
	Job     string        `placeholder:"NAME" help:"Only runs of this job."`
	Cluster string        `placeholder:"NAME" help:"Only dead letters of this cluster."`
	Since   time.Duration `default:"720h" help:"How far back to look."`
}

func (deadListCmd) Help() string {
	return "A dead letter is a run whose attempts are used up, or a record that could not be read. " +
		"REQUEUED says that somebody asked for the run again since.\n\n" +
		"Examples:\n\n    belfry dead list\n    belfry dead list --job backup -o json"
}

// deadAnswer is what dead list answers about one letter.
type deadAnswer struct {
	run.DeadLetter
	Requeued bool `json:"requeued"`
}

// Run lists dead letters.
func (c *deadListCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	letters, err := k.deadLetters(ctx, c.Cluster, time.Now().Add(-c.Since))
	if err != nil {
		return err
	}
	letters = slices.DeleteFunc(letters, func(d deadAnswer) bool {
		return c.Job != "" && (d.DeadLetter.Run == nil || d.DeadLetter.Run.Job != c.Job)
	})
	if c.Output == "json" {
		return s.asJSON(letters)
	}
	t := newTable("RUN", "JOB…", "DUE", "GIVEN UP", "ATTEMPTS", "EXIT", "REQUEUED", "WHY…")
	for _, d := range letters {
		if r := d.DeadLetter.Run; r != nil {
			t.add(short(r.ID), r.Job, when(r.Due), when(d.At), fmt.Sprint(r.Attempt), exit(d.Outcome), yes(d.Requeued), why(d.Reason, d.Outcome))
		} else {
			t.add("-", "-", "-", when(d.At), "-", "-", "-",
				fmt.Sprintf("%s (record %d of %s/%d%s)", d.Reason, d.Offset, d.Topic, d.Partition, kept(d.DeadLetter)))
		}
	}
	return s.table(t, "no dead letters")
}

// kept says that the letter holds only the first part of the record.
func kept(d run.DeadLetter) string {
	if d.ValueBytes == 0 {
		return ""
	}
	return fmt.Sprintf("; the first %d of its %d bytes are kept", len(d.Value), d.ValueBytes)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type deadRequeueCmd struct {
	connection
	ID    string `arg:"" optional:"" name:"run" help:"ID of the run, or enough of its beginning."`
	Again bool   `help:"Requeue the run even if it was requeued before."`
	All   bool   `help:"Requeue all runs of the job that were not requeued yet."`
	Job   string `placeholder:"NAME" help:"The job of --all."`
}

func (deadRequeueCmd) Help() string {
	return "A requeued run is a new run with the old due time and all its attempts before it.\n\n" +
		"Examples:\n\n    belfry dead requeue 3f2a9c1e\n    belfry dead requeue --all --job backup"
}

// Validate is called by kong.
func (c *deadRequeueCmd) Validate() error {
	switch {
	case c.ID == "" && !c.All:
		return errors.New("name a run, or give --all --job NAME")
	case c.ID != "" && (c.All || c.Job != ""):
		return errors.New("name a run or give --all --job NAME, not both")
	case c.All && c.Job == "":
		return errors.New("--all needs --job NAME")
	}
	return nil
}

// Run requeues dead runs.
func (c *deadRequeueCmd) Run(ctx context.Context, s *session) error {
	k, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	letters, err := k.deadLetters(ctx, "", time.Unix(0, 0))
	if err != nil {
		return err
	}
	wanted, err := c.choose(letters)
	if err != nil {
		return err
	}
	for _, r := range wanted {
		if _, err := k.job(ctx, r.Job); err != nil {
			return fmt.Errorf("requeueing %s: %w", short(r.ID), err)
		}
		request := newRequest(run.RequestRequeue, r.Job)
		request.Run, request.Due = r.ID, r.Due
		if err := k.send(ctx, request); err != nil {
			return err
		}
		s.printf("%s of %s is queued again as %s\n", short(r.ID), r.Job, run.NewID(r.Job, r.Due, request.ID))
	}
	return nil
}

// choose returns the runs that were named, each once.
func (c *deadRequeueCmd) choose(letters []deadAnswer) ([]*run.Run, error) {
	var wanted []*run.Run
	matches := map[run.ID]found{}
	for _, d := range letters {
		r := d.DeadLetter.Run
		switch {
		case r == nil:
		case !c.All && d.Requeued && !c.Again && strings.HasPrefix(string(r.ID), strings.ToLower(c.ID)):
			return nil, usageError(fmt.Errorf("run %s was requeued before; --again makes one more run of it", short(r.ID)))
		case c.All && r.Job == c.Job && !d.Requeued,
			!c.All && strings.HasPrefix(string(r.ID), strings.ToLower(c.ID)):
			if _, twice := matches[r.ID]; !twice {
				wanted = append(wanted, r)
			}
			matches[r.ID] = found{r.ID, r.Job, r.Due, r.Cluster}
		}
	}
	switch {
	case c.All && len(wanted) == 0:
		return nil, notFound("no dead run of job %q waits to be requeued; \"belfry dead list\" shows all", c.Job)
	case c.All:
		return wanted, nil
	case len(wanted) == 0:
		return nil, notFound("no dead run begins with %q; \"belfry dead list\" shows all", c.ID)
	}
	_, err := only(c.ID, matches)
	return wanted, err
}

// deadLetters reads the dead letters of a cluster, or of all and of none,
// oldest first, and marks the runs that somebody requeued since.
func (k *cluster) deadLetters(ctx context.Context, cluster string, since time.Time) ([]deadAnswer, error) {
	topics := []string{k.names.DeadOf(cluster)}
	if cluster == "" {
		clusters, err := k.clusters(ctx)
		if err != nil {
			return nil, err
		}
		topics = []string{k.names.Dead()}
		for _, c := range clusters {
			topics = append(topics, k.names.DeadOf(c))
		}
	}
	letters := []deadAnswer{}
	for _, name := range topics {
		err := k.readAll(ctx, name, nil, func(r *kgo.Record) error {
			if d, err := topic.DecodeDeadLetter(r.Value); err == nil && !d.At.Before(since) {
				letters = append(letters, deadAnswer{DeadLetter: d})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading the dead letters: %w", err)
		}
	}
	slices.SortStableFunc(letters, func(a, b deadAnswer) int { return a.At.Compare(b.At) })
	letters = eachPlaceOnce(letters)
	return letters, k.markRequeued(ctx, letters)
}

// eachPlaceOnce leaves out what several members kept of one unreadable
// record, which all of them read.
func eachPlaceOnce(letters []deadAnswer) []deadAnswer {
	type place struct {
		topic     string
		partition int32
		offset    int64
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(letters, func(d deadAnswer) bool {
		at := place{d.Topic, d.Partition, d.Offset}
		again := d.Topic != "" && seen[at]
		seen[at] = true
		return again
	})
}

// markRequeued looks among the requests, which are few. One that is older
// than their topic keeps (7 days) is forgotten.
func (k *cluster) markRequeued(ctx context.Context, letters []deadAnswer) error {
	if len(letters) == 0 {
		return nil
	}
	requeued := map[run.ID]time.Time{}
	err := k.readAll(ctx, k.names.Commands(), nil, func(r *kgo.Record) error {
		if q, err := topic.DecodeRequest(r.Value); err == nil && q.Type == run.RequestRequeue {
			requeued[q.Run] = q.At
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for requeue requests: %w", err)
	}
	for i := range letters {
		if r := letters[i].DeadLetter.Run; r != nil {
			at, ok := requeued[r.ID]
			letters[i].Requeued = ok && at.After(letters[i].At)
		}
	}
	return nil
}
