package schedule

// The proleptic Gregorian calendar, on days counted from 1970-01-01. Years
// are shifted to begin in March, so that the leap day is a year's last.

const (
	eraDays    = 146097 // 400 years
	eraToEpoch = 719468 // from 0000-03-01 to 1970-01-01
)

// civil is the date of a day.
func civil(day int64) (year int64, month, dom uint) {
	era, n := floorDiv(day+eraToEpoch, eraDays)
	inEra := uint(n)
	inEraYear := (inEra - inEra/1460 + inEra/36524 - inEra/146096) / 365
	inYear := inEra - (365*inEraYear + inEraYear/4 - inEraYear/100)
	fromMarch := (5*inYear + 2) / 153
	dom = inYear - (153*fromMarch+2)/5 + 1
	year = era*400 + int64(inEraYear)
	if fromMarch < 10 {
		return year, fromMarch + 3, dom
	}
	return year + 1, fromMarch - 9, dom
}

// dayOf is the first day of a month.
func dayOf(year int64, month uint) int64 {
	fromMarch := month - 3
	if month < 3 {
		year--
		fromMarch = month + 9
	}
	era, n := floorDiv(year, 400)
	inEraYear := uint(n)
	inEra := inEraYear*365 + inEraYear/4 - inEraYear/100 + (153*fromMarch+2)/5
	return era*eraDays + int64(inEra) - eraToEpoch
}

func monthDays(year int64, month uint) uint {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month^month>>3)&1
}

// floorDiv divides towards minus infinity, so that the remainder is never
// negative.
func floorDiv(a, b int64) (quotient, remainder int64) {
	quotient, remainder = a/b, a%b
	if remainder < 0 {
		return quotient - 1, remainder + b
	}
	return quotient, remainder
}
