package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/metric"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
)

const (
	// sourceEvery is how often a job file is looked at, and untilRead how many
	// looks in a row must find the same: a file that is written in place is
	// half there for a moment. A change is in force well within three seconds.
	sourceEvery = time.Second
	untilRead   = 2
	// untilGone is how many looks in a row must find that a job is gone before
	// it is removed, with its pause and its history, and how many must find a
	// file that ends within a line before that line is believed. Whoever writes
	// slowly, or moves a file out of the folder and back, takes less.
	untilGone = 10
	// untilSaid is after how many looks that each found something else it is
	// said that nothing comes into force.
	untilSaid = 30
)

// source keeps the jobs of a file or folder in force: it writes what changed,
// removes what the file no longer has, and leaves everything as it is while
// the file is broken. It acts only on content that has stood still. Two sources
// of the same content never write against each other, since each acts only when
// its own file changes, and writes only what the topic does not hold already.
type source struct {
	path string
	by   string
	// prepare makes the topics of the clusters named.
	topics  *query.Topics
	prepare func(ctx context.Context, clusters []string) error
	log     *slog.Logger
	metrics *sourceMetrics

	seen    [sha256.Size]byte // at the last look
	stood   int               // looks in a row that found it
	restful bool              // nothing is left to do about it but to remove jobs
	held    bool              // there are jobs to be removed
	moved   int               // looks in a row that found something new
	waiting bool              // for something outside the file, which was said
}

type sourceMetrics struct {
	maker  *metric.Maker
	errors prometheus.Counter
	valid  prometheus.Gauge
	writes prometheus.Counter
}

func newSourceMetrics(reg prometheus.Registerer) *sourceMetrics {
	k := metric.NewMaker(reg)
	return &sourceMetrics{
		maker: k,
		errors: k.Counter(metric.Errors, "belfry_jobs_file_errors_total",
			"Contents of the job files that could not be put into force."),
		valid: k.Gauge(metric.Errors, "belfry_jobs_file_valid",
			"1 if the job files as they are now are in force, 0 if older ones still are."),
		writes: k.Counter(metric.Traffic, "belfry_jobs_file_changes_total",
			"Jobs added, changed or removed because of the job files."),
	}
}

// who is the source, as the one who changes jobs.
func (s *source) who() access.Principal {
	return access.Principal{Name: s.by, Role: access.Admin, Via: access.File}
}

// run watches the file until ctx ends.
func (s *source) run(ctx context.Context) error {
	tick := time.NewTicker(sourceEvery)
	defer tick.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look deals with the file's content once it has stood still. What fails for a
// reason outside the file is tried again at the next look.
func (s *source) look(ctx context.Context) {
	files, err := ReadFiles(ctx, s.path)
	if ctx.Err() != nil {
		return
	}
	s.note(fingerprint(files, err))
	remove := s.stood >= untilGone
	switch {
	case s.stood < untilRead, s.restful && !s.held, s.restful && !remove:
		return
	case !remove && slices.ContainsFunc(files, endsWithinLine):
		if s.stood == untilRead {
			s.log.Info("a job file ends within a line; waiting for the rest", "path", s.path)
		}
		return
	}
	var set job.Set
	if err == nil {
		set, err = job.Parse(files)
	}
	if err != nil {
		s.restful, s.held = true, false
		s.failed("the files are broken", err)
		return
	}
	if err := s.apply(ctx, set, remove); err != nil {
		if ctx.Err() == nil && !s.waiting {
			s.waiting = true
			s.failed("trying again every second", err)
		}
		return
	}
	s.restful, s.waiting = true, false
	s.metrics.valid.Set(1)
}

// note counts how long the content has stood still, or has not.
func (s *source) note(sum [sha256.Size]byte) {
	if sum == s.seen {
		s.stood, s.moved = s.stood+1, 0
		return
	}
	s.seen, s.stood, s.restful, s.held = sum, 1, false, false
	if s.moved++; s.moved == untilSaid {
		s.failed("they change all the time", errors.New("no two looks in a row found the same content"))
	}
}

// endsWithinLine reports whether the last line of a file may be cut off.
func endsWithinLine(f job.File) bool { return len(f.Data) > 0 && f.Data[len(f.Data)-1] != '\n' }

func (s *source) failed(why string, err error) {
	s.metrics.errors.Inc()
	s.metrics.valid.Set(0)
	s.log.Error("the job files are not in force; the jobs that are stay as they are", "why", why, "path", s.path, "error", err)
}

// apply puts the set into force. Jobs that are gone are held until remove.
func (s *source) apply(ctx context.Context, set job.Set, remove bool) error {
	if err := s.prepare(ctx, set.Clusters); err != nil {
		return err
	}
	have, err := s.topics.Jobs(ctx)
	if err != nil {
		return err
	}
	changes := steer.Plan(have, set.Jobs, FromPath(s.path))
	counts := map[steer.ChangeKind]int{}
	for _, c := range changes {
		counts[c.Kind]++
	}
	if s.held = counts[steer.Removed] > 0 && !remove; s.held {
		s.log.Info("jobs are gone from the job files; they are removed if they stay away", "path", s.path,
			"jobs", counts[steer.Removed], "seconds", int(time.Duration(untilGone-s.stood)*sourceEvery/time.Second))
		changes = slices.DeleteFunc(changes, func(c steer.Change) bool { return c.Kind == steer.Removed })
		counts[steer.Removed] = 0
	}
	if err := steer.New(steer.Options{Topics: s.topics}).Apply(ctx, s.who(), changes); err != nil {
		return err
	}
	s.metrics.writes.Add(float64(len(changes)))
	s.log.Info("job files are in force", "path", s.path, "jobs", len(set.Jobs),
		"added", counts[steer.Added], "changed", counts[steer.Changed], "removed", counts[steer.Removed])
	return nil
}

// fingerprint tells contents apart, and the reasons why there is none.
func fingerprint(files []job.File, err error) [sha256.Size]byte {
	h := sha256.New()
	if err != nil {
		_, _ = fmt.Fprintf(h, "error %v", err)
	}
	for _, f := range files {
		_, _ = fmt.Fprintf(h, "%q %d\n", f.Name, len(f.Data))
		_, _ = h.Write(f.Data)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
