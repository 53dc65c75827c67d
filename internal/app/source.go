package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/job"
)

// sourceEvery is how often a job file is looked at. A change is in force well
// within two seconds.
const sourceEvery = time.Second

// source keeps the jobs of a file or folder in force: it writes what changed,
// removes what the file no longer has, and leaves everything as it is while
// the file is broken. Two sources of the same content never write against
// each other, since each acts only when its own file changes, and writes only
// what the topic does not hold already.
type source struct {
	path string
	by   string
	// store writes; prepare makes the topics of the clusters named.
	store   Store
	prepare func(ctx context.Context, clusters []string) error
	log     *slog.Logger
	metrics *sourceMetrics

	seen    [sha256.Size]byte // of the content dealt with last
	waiting bool              // for something outside the file, which was said
}

type sourceMetrics struct {
	errors prometheus.Counter
	valid  prometheus.Gauge
	writes prometheus.Counter
}

func newSourceMetrics(reg prometheus.Registerer) *sourceMetrics {
	m := &sourceMetrics{
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "belfry_jobs_file_errors_total",
			Help: "Contents of the job files that could not be put into force.",
		}),
		valid: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_jobs_file_valid",
			Help: "1 if the job files as they are now are in force, 0 if older ones still are.",
		}),
		writes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "belfry_jobs_file_changes_total",
			Help: "Jobs added, changed or removed because of the job files.",
		}),
	}
	reg.MustRegister(m.errors, m.valid, m.writes)
	return m
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

// look deals with the file's content if it is new. What fails for a reason
// outside the file is tried again at the next look.
func (s *source) look(ctx context.Context) {
	files, err := ReadFiles(s.path)
	sum := fingerprint(files, err)
	if sum == s.seen {
		return
	}
	var set job.Set
	if err == nil {
		set, err = job.Parse(files)
	}
	if err != nil {
		s.seen = sum
		s.failed("the files are broken", err)
		return
	}
	if err := s.apply(ctx, set); err != nil {
		if ctx.Err() == nil && !s.waiting {
			s.waiting = true
			s.failed("trying again every second", err)
		}
		return
	}
	s.seen, s.waiting = sum, false
	s.metrics.valid.Set(1)
}

func (s *source) failed(why string, err error) {
	s.metrics.errors.Inc()
	s.metrics.valid.Set(0)
	s.log.Error("the job files are not in force; the jobs that are stay as they are", "why", why, "path", s.path, "error", err)
}

func (s *source) apply(ctx context.Context, set job.Set) error {
	if err := s.prepare(ctx, set.Clusters); err != nil {
		return err
	}
	have, err := s.store.Jobs(ctx)
	if err != nil {
		return err
	}
	changes := Plan(have, set.Jobs, FromPath(s.path))
	if err := s.store.Write(ctx, changes, s.by, time.Now()); err != nil {
		return err
	}
	s.metrics.writes.Add(float64(len(changes)))
	counts := map[ChangeKind]int{}
	for _, c := range changes {
		counts[c.Kind]++
	}
	s.log.Info("job files are in force", "path", s.path, "jobs", len(set.Jobs),
		"added", counts[Added], "changed", counts[Changed], "removed", counts[Removed])
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
