package job

import "time"

// DefaultClusters are the clusters there are when no file defines any.
func DefaultClusters() []string { return []string{"cluster-a", "cluster-b"} }

// Default is a job with what holds for every field nobody wrote:
//
//	timezone       UTC: a job means the same on every host
//	overlap        allow: cron's behaviour
//	catch_up       last, within 1h: a nightly job missed by a short outage
//	               still runs, once; one missed by a day does not
//	retries        0
//	retry_backoff  10s, doubling, at most 1h, spread by 20 %
//	on_lost        retry if there are retries, else fail (see WithDefaults)
//
// Every other field defaults to its zero value: no timeout, no deadline, no
// jitter, not paused. A job without a cluster gets the first one its file
// defines, else the first of all.
func Default() Job {
	return Job{
		Timezone:     "UTC",
		Overlap:      OverlapAllow,
		CatchUp:      CatchUp{Policy: CatchUpLast, Window: time.Hour},
		RetryBackoff: Backoff{Initial: 10 * time.Second, Factor: 2, Max: time.Hour, Jitter: 0.2},
	}
}

// WithDefaults fills in the fields that are empty and may not be, all but the
// cluster. Jobs from Parse have them already; one from a record written by
// another program may not.
func (j Job) WithDefaults() Job {
	d := Default()
	if j.Timezone == "" {
		j.Timezone = d.Timezone
	}
	if j.Overlap == "" {
		j.Overlap = d.Overlap
	}
	if j.CatchUp.Policy == "" {
		j.CatchUp = d.CatchUp
	}
	if j.RetryBackoff == (Backoff{}) {
		j.RetryBackoff = d.RetryBackoff
	}
	j.derive()
	return j
}

// derive fills in what follows from other fields.
func (j *Job) derive() {
	if j.CatchUp.Policy == CatchUpNone {
		j.CatchUp.Window = 0
	}
	if j.OnLost == "" {
		j.OnLost = LostFail
		if j.Retries > 0 {
			j.OnLost = LostRetry
		}
	}
}
