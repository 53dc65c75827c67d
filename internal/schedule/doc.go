// Package schedule owns when: it reads a schedule expression and names the
// instants that are due, in any zone and through every clock change, as the
// cron daemon would if it never slept and never woke late.
//
// An expression becomes one bit mask per field (parse.go). Finding the next
// due time is a walk over the wall clock, which knows no zone (walk.go),
// whose answer is then mapped to an instant with the bounds of the zone's
// offset periods (next.go). Local times are never handed to time.Date, which
// invents an instant for those that a clock change skipped.
//
// It is pure: a Schedule is immutable, safe for concurrent use, and its
// answers depend on nothing but its expression, its zone and its key. It must
// never import a clock, a context, the network, a lock, a random source or
// any other package of Belfry.
package schedule
