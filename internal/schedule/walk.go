package schedule

import "math/bits"

// The wall clock is counted in seconds since 1970-01-01 00:00 as it reads,
// with no zone: a day always has 86,400 of them. Months and days of the
// month count from 1, days of the week from Sunday = 0.

const (
	daySeconds = 86400

	// cycleYears is the period of the calendar: 400 years are a whole number
	// of weeks. A day not found in that time never comes.
	cycleYears = 400
)

// spec is the fields of an expression, one bit per value.
type spec struct {
	sec, min  uint64
	hour, dom uint32
	month     uint16
	dow       uint8

	lastBefore  uint32 // L-k: bit k, so L is bit 0
	nearest     uint32 // 15W: bit 15
	lastWeekday bool   // LW
	nth         uint64 // 5#3: bit 5*dow + n-1
	lastDow     uint8  // 5L: bit 5

	stars star

	// What follows is derived, by seal.
	everyDay    bool
	weeks       uint64 // dow six times over, to be shifted to a month's first day
	firstSecond int64  // of a matching minute
	firstMinute int64  // seconds into a matching hour
	firstHour   int64  // seconds into a matching day
}

// star holds which fields began with *, as the MIN_STAR, HR_STAR, DOM_STAR
// and DOW_STAR flags of cron's entry.c: they are set by a field's first
// character, so */5 and *,3 have them and 0-59 has not.
type star uint8

const (
	starMin star = 1 << iota
	starHour
	starDom
	starDow
)

const (
	everyDom   uint32 = 1<<32 - 2
	everyMonth uint16 = 1<<13 - 2
	everyDow   uint8  = 1<<7 - 1
	everyHour  uint32 = 1<<24 - 1
	everySixty uint64 = 1<<60 - 1
)

// seal fills in what is derived from the fields.
func (s *spec) seal() {
	for i := range 6 {
		s.weeks |= uint64(s.dow) << (7 * i)
	}
	s.firstSecond = int64(bits.TrailingZeros64(s.sec))
	s.firstMinute = int64(bits.TrailingZeros64(s.min))*60 + s.firstSecond
	s.firstHour = int64(bits.TrailingZeros32(s.hour))*3600 + s.firstMinute
	// Two full day fields match every day whether they are joined by and or
	// by or.
	s.everyDay = s.month == everyMonth && s.dom == everyDom && s.dow == everyDow
}

// wildcard says which of the two kinds of jobs of cron's daemon this is: one
// that follows the clock wherever it is put, or one that names fixed times.
// find_jobs in cron.c decides by MIN_STAR and HR_STAR alone.
func (s *spec) wildcard() bool { return s.stars&(starMin|starHour) != 0 }

// next is the first matching wall clock time at or after wall.
func (s *spec) next(wall int64) (int64, bool) {
	day, second := floorDiv(wall, daySeconds)
	if s.everyDay || s.onDay(day) {
		if at, ok := s.inDay(second); ok {
			return day*daySeconds + at, true
		}
	}
	day++
	if !s.everyDay {
		var ok bool
		if day, ok = s.nextDay(day); !ok {
			return 0, false
		}
	}
	return day*daySeconds + s.firstHour, true
}

// inDay is the first matching second of a day at or after second.
func (s *spec) inDay(second int64) (int64, bool) {
	h, m, sec := uint(second/3600), uint(second/60%60), uint(second%60)
	if s.hour>>h&1 != 0 {
		if s.min>>m&1 != 0 {
			if rest := s.sec >> sec; rest != 0 {
				return second + int64(bits.TrailingZeros64(rest)), true
			}
		}
		if rest := s.min >> (m + 1); rest != 0 {
			m += 1 + uint(bits.TrailingZeros64(rest))
			return int64(h*3600+m*60) + s.firstSecond, true
		}
	}
	rest := s.hour >> (h + 1)
	if rest == 0 {
		return 0, false
	}
	h += 1 + uint(bits.TrailingZeros32(rest))
	return int64(h*3600) + s.firstMinute, true
}

// onDay tells whether a day, counted from 1970-01-01, matches.
func (s *spec) onDay(day int64) bool {
	year, month, dom := civil(day)
	return s.month>>month&1 != 0 && s.days(year, month, day-int64(dom)+1)>>dom&1 != 0
}

// nextDay is the first matching day at or after day.
func (s *spec) nextDay(day int64) (int64, bool) {
	year, month, dom := civil(day)
	last := year + cycleYears
	first := day - int64(dom) + 1
	for year <= last {
		if s.month>>month&1 != 0 {
			if rest := s.days(year, month, first) >> dom << dom; rest != 0 {
				return first + int64(bits.TrailingZeros32(rest)) - 1, true
			}
		}
		if later := s.month >> (month + 1); later != 0 {
			month += 1 + uint(bits.TrailingZeros16(later))
		} else {
			year++
			month = uint(bits.TrailingZeros16(s.month))
		}
		first, dom = dayOf(year, month), 1
	}
	return 0, false
}

// days is the set of matching days of one month, bit d for day d, whatever
// the month field says. first is the month's first day.
//
// Two restricted day fields are joined by or, unless one of them begins with
// a star: then by and. That is find_jobs in cron.c, by DOM_STAR and DOW_STAR.
func (s *spec) days(year int64, month uint, first int64) uint32 {
	n := monthDays(year, month)
	_, w := floorDiv(first+4, 7) // 1970-01-01 was a Thursday
	weekday := uint(w)

	dom := s.dom
	if s.lastBefore|s.nearest != 0 || s.lastWeekday {
		dom |= s.specialDom(n, weekday)
	}
	dow := uint32(s.weeks>>weekday) << 1
	if s.nth != 0 || s.lastDow != 0 {
		dow |= s.specialDow(n, weekday)
	}
	all := uint32(1)<<(n+1) - 2 // n is at most 31: the shift wraps to 0, and 0-2 is right
	if s.stars&(starDom|starDow) != 0 {
		return dom & dow & all
	}
	return (dom | dow) & all
}

// specialDom is the days that L, L-3, LW and 15W name in a month of n days
// that begins on weekday.
func (s *spec) specialDom(n, weekday uint) uint32 {
	var out uint32
	for rest := s.lastBefore; rest != 0; rest &= rest - 1 {
		if k := uint(bits.TrailingZeros32(rest)); k < n {
			out |= 1 << (n - k)
		}
	}
	for rest := s.nearest; rest != 0; rest &= rest - 1 {
		if d := uint(bits.TrailingZeros32(rest)); d <= n {
			out |= 1 << workday(d, n, weekday)
		}
	}
	if s.lastWeekday {
		out |= 1 << workday(n, n, weekday)
	}
	return out
}

// workday is the day from Monday to Friday nearest to d in the same month.
func workday(d, n, weekday uint) uint {
	switch (weekday + d - 1) % 7 {
	case 6: // Saturday: the day before, or on the 1st the Monday after
		if d == 1 {
			return 3
		}
		return d - 1
	case 0: // Sunday: the day after, or on the last the Friday before
		if d == n {
			return d - 2
		}
		return d + 1
	}
	return d
}

// specialDow is the days that 5#3 and 5L name in a month of n days that
// begins on weekday.
func (s *spec) specialDow(n, weekday uint) uint32 {
	var out uint32
	for rest := s.nth; rest != 0; rest &= rest - 1 {
		bit := uint(bits.TrailingZeros64(rest))
		out |= 1 << (1 + (bit/5+7-weekday)%7 + bit%5*7)
	}
	for rest := s.lastDow; rest != 0; rest &= rest - 1 {
		dow := uint(bits.TrailingZeros8(rest))
		out |= 1 << (n - (weekday+n-1+7-dow)%7)
	}
	return out
}
