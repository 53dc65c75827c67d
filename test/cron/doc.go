// Package cron compares Belfry's schedules with the cron daemon of Debian, run
// under libfaketime through clock changes of the tz database: the same lines,
// minute by minute, and each start that only one of the two makes must have a
// reason known here.
//
// The suite runs where BELFRY_TEST_CRON=1 is set, as root on Linux with the
// packages cron and libfaketime. What it measured is docs/cron-conformance.md,
// whose tables it writes with -write-report and holds to account without.
package cron
