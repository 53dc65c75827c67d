package member

const (
	// leastApart is how far apart the instants in two beats of a scheduler
	// are for both to count. A burst is not time: without this, beats that
	// were held up somewhere, or forged, would declare the living gone.
	leastApart = SchedulerEvery * 4 / 5
	// schedulersMost bounds the schedulers whose beats are counted. One more
	// is not heard, and owns nothing, until another is gone.
	schedulersMost = 256
)

// pulse is where the latest beats of a scheduler that counted stand in the
// log, for as many as anybody asks for.
type pulse struct {
	places [WorkerGone]int64
	n      int64 // counted so far
	period int64
}

// latest returns the place of the n-th latest beat, 0 if there are not so
// many.
func (p *pulse) latest(n int64) int64 {
	if p.n < n {
		return 0
	}
	return p.places[(p.n-n)%WorkerGone]
}

// count takes b, the next beat of the scheduler e, for time that has passed,
// and reports whether it did. A clock that was set back costs one beat.
func (v *View) count(e *entry, b *Beat) bool {
	p := v.pulses[b.ID]
	switch {
	case p == nil && len(v.pulses) >= schedulersMost:
		return false
	case e.at == 0: // its first
	case b.At.Before(e.counted):
		e.counted = b.At
		return false
	case b.At.Sub(e.counted) < leastApart:
		return false
	}
	if p == nil {
		p = &pulse{period: v.period - 1}
		v.pulses[b.ID] = p
	}
	e.counted = b.At
	p.places[p.n%WorkerGone] = v.at
	p.n++
	if p.period == v.period {
		v.period++
	}
	p.period = v.period
	return true
}
