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
// lane, for as many as anybody asks for.
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

// count takes b, the next beat in the lane of a scheduler that had come to was,
// for time that has passed, and reports whether it did. A clock that was set
// back costs one beat.
func (l *lane) count(was *place, b *Beat) bool {
	p := l.pulses[b.ID]
	switch {
	case p == nil && len(l.pulses) >= schedulersMost:
		return false
	case !was.timed: // its first
	case b.At.Before(was.counted):
		was.counted = b.At
		return false
	case b.At.Sub(was.counted) < leastApart:
		return false
	}
	if p == nil {
		p = &pulse{period: l.period - 1}
		l.pulses[b.ID] = p
	}
	was.counted, was.timed = b.At, true
	p.places[p.n%WorkerGone] = l.at
	p.n++
	if p.period == l.period {
		l.period++
	}
	p.period = l.period
	return true
}
