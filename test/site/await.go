package site

import (
	"testing"
	"time"
)

// awaitEvery is how often Await asks.
const awaitEvery = 100 * time.Millisecond

// Await asks until ok, and fails the test when patience ends.
func Await(t testing.TB, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	limit := time.After(patience)
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for !ok() {
		select {
		case <-limit:
			t.Fatalf("waited %s for %s", patience, what)
		case <-tick.C:
		}
	}
}

// Until waits for a moment of the wall clock, or the end of the test: the
// passing of due times is what some tests are about.
func Until(t testing.TB, at time.Time) {
	t.Helper()
	select {
	case <-time.After(time.Until(at)):
	case <-t.Context().Done():
	}
}
