package history

import (
	"context"
	"time"
)

// Bucket counts the due times in [From, To), and tells the quantiles of the runs
// among them that have ended. Of a job they are exact; of a cluster or of all
// they are at most a tenth too high.
type Bucket struct {
	From        time.Time     `json:"from"`
	To          time.Time     `json:"to"`
	Succeeded   int           `json:"succeeded"`
	Failed      int           `json:"failed"`
	Skipped     int           `json:"skipped"`
	Other       int           `json:"other"` // unfinished or cancelled
	DurationP50 time.Duration `json:"duration_p50_ms"`
	DurationP95 time.Duration `json:"duration_p95_ms"`
	LatenessP50 time.Duration `json:"lateness_p50_ms"`
	LatenessP95 time.Duration `json:"lateness_p95_ms"`
}

// MaxBuckets bounds what Stats returns.
const MaxBuckets = 1000

// Stats divides the time between from and to into so many buckets, for a job
// or all (""), of a cluster or all (""). Buckets of a cluster or of all begin
// on whole minutes, and have quantiles where they last whole hours.
func (d *DB) Stats(ctx context.Context, job, cluster string, from, to time.Time, buckets int) ([]Bucket, error) {
	return nil, errNotBuilt
}

// Hour counts what was due in one hour of a day.
type Hour struct {
	At      time.Time `json:"at"` // its beginning
	Ran     int       `json:"ran"`
	Failed  int       `json:"failed"` // of those that ran
	Skipped int       `json:"skipped"`
}

// Day is a day in a zone, with its hours: 23, 24 or 25 of them.
type Day struct {
	Date  string `json:"date"` // 2006-01-02
	Hours []Hour `json:"hours"`
}

// MaxDays bounds what Calendar returns.
const MaxDays = 400

// Calendar returns the days from the one of from to the one of to, both
// included, of a job or all (""), of a cluster or all ("").
func (d *DB) Calendar(ctx context.Context, job, cluster string, from, to time.Time, zone *time.Location) ([]Day, error) {
	return nil, errNotBuilt
}
