package scheduler

import (
	"time"

	"github.com/belfry-cron/belfry/internal/member"
)

const (
	// skewWindow is over how many surveys the least delay of a member's beats is
	// looked for: a beat that came late says nothing about a clock.
	skewWindow = 10
	// maxSkews bounds how many members are compared.
	maxSkews = 10_000
)

// skew compares the clocks of the members by their beats. How old a beat seems
// on arrival is how long it took, and how far its sender's clock is behind. Our
// own beats took as long, and their clock is ours. What a decision rests on never
// comes from here.
type skew struct {
	// least is the least age of each member's beats since the survey that
	// opened the window, past that of the window before.
	least, past map[string]time.Duration
	surveys     int
}

// hear takes a beat that came at now.
func (k *skew) hear(b *member.Beat, now time.Time) {
	if k.least == nil {
		k.least = map[string]time.Duration{}
	}
	age := now.Sub(b.At)
	if least, ok := k.least[b.ID]; ok && age < least || !ok && len(k.least) < maxSkews {
		k.least[b.ID] = age
	}
}

// survey returns the offset of the member that differs most from self: how far
// its clock is behind, or ahead if less than zero.
func (k *skew) survey(self string) time.Duration {
	if k.surveys++; k.surveys >= skewWindow {
		k.past, k.least, k.surveys = k.least, nil, 0
	}
	ages := k.past
	if ages == nil {
		ages = k.least
	}
	ours, ok := ages[self]
	if !ok {
		return 0
	}
	var most time.Duration
	for _, age := range ages {
		if offset := age - ours; offset.Abs() > most.Abs() {
			most = offset
		}
	}
	return most
}
