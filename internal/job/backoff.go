package job

import (
	"math"
	"time"
)

// BackoffBefore is how long to wait before the given attempt, counted from
// the end of the one before: nothing before the first. The caller draws
// spread from [0, 1), the same for the same attempt if the wait is to be the
// same; 0.5 gives the wait without jitter. A wait never overflows: it is at
// most MaxDuration before it is spread.
func (j Job) BackoffBefore(attempt int, spread float64) time.Duration {
	b := j.RetryBackoff
	if attempt < 2 || b.Initial <= 0 {
		return 0
	}
	longest := b.Max
	if longest <= 0 || longest > MaxDuration {
		longest = MaxDuration
	}
	// A factor of less than 1 cannot be written in a file; a record with
	// none waits the same each time.
	wait := float64(b.Initial) * math.Pow(max(b.Factor, 1), float64(attempt-2))
	if math.IsNaN(wait) || wait > float64(longest) {
		wait = float64(longest)
	}
	jitter := min(max(b.Jitter, 0), 1)
	return time.Duration(wait * (1 + jitter*(2*spread-1)))
}
