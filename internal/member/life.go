package member

import "time"

// LastLife is the highest number that a life of a member can have: that of one
// that began in 2116. A clock that is far ahead, or a forged beat, may use it
// before; a name with it is forgotten as soon as it is dead, so that the lives
// after it may have lower numbers.
const LastLife = 1 << 62

// lastYear is the last whose every instant, in nanoseconds since 1970, is
// below LastLife.
const lastYear = 2115

// Life returns the number of a life that begins at now after one numbered
// last: higher, also if the clock was set back since. Behind LastLife, where
// there is none, it is what the clock says.
func Life(last int64, now time.Time) int64 {
	if last >= LastLife {
		last = 0
	}
	switch {
	case now.Year() > lastYear:
		return LastLife
	case now.Unix() < 0: // years before 1678 do not fit
		return last + 1
	}
	return max(now.UnixNano(), last+1)
}

// last reports whether no number comes after that of b's life.
func (b *Beat) last() bool { return b.Incarnation >= LastLife }
