// Package tzdata owns the time zones: the IANA data that Belfry carries, the same
// on every host. What the host has installed, and where ZONEINFO points, has no
// part in when a job is due, since another member's host may have other data. A
// program may Use other data, all of it, by a setting; members tell each other
// which they read.
//
// zoneinfo.zip is the file of that name from the Go distribution, lib/time. To
// take a newer one, copy it and set carried to the DATA in update.bash beside
// it.
//
// It is pure and must never import any package of Belfry.
package tzdata
