package claim

import (
	"slices"
	"time"
)

const (
	// ackSamples is of how many `starting` records it is remembered how long
	// their acknowledgement took; each further ackStep of them are learned from.
	ackSamples = 200
	ackStep    = 10
	// aheadMargin is for what comes after the acknowledgement.
	aheadMargin = 5 * time.Millisecond
)

// acks are the times that the latest `starting` records took, and how long
// before its due time a run is announced because of them. Later is better: a
// run whose worker dies after it was announced may have run.
type acks struct {
	took  []time.Duration
	next  int // which of took is the oldest, once there are ackSamples
	news  int // how many of took were not learned from yet
	ahead time.Duration
}

// add learns from one more.
func (a *acks) add(took time.Duration) {
	if len(a.took) < ackSamples {
		a.took = append(a.took, took)
	} else {
		a.took[a.next] = took
		a.next = (a.next + 1) % ackSamples
	}
	if a.news++; a.news < ackStep {
		return
	}
	a.news = 0
	sorted := slices.Sorted(slices.Values(a.took))
	slow := sorted[len(sorted)*99/100]
	a.ahead = min(max(slow*3/2+aheadMargin, LeastAhead), StartAhead)
}

// lead is how long before its due time a run is announced.
func (a *acks) lead() time.Duration {
	if a.ahead == 0 {
		return StartAhead
	}
	return a.ahead
}
