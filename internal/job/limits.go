package job

import "time"

// The limits. What lies beyond them is refused when it is written, since it
// would fail later and further from its cause.
const (
	// MaxName: a name is a record key, part of a URL and a metric label.
	MaxName = 200
	// MaxCluster leaves room for prefix and kind in a topic's name, which
	// Kafka limits to 249 characters.
	MaxCluster = 100
	// MaxRecord bounds a job's record, in bytes. A run carries its job's
	// command, input and environment to the worker, with its own state around
	// them: both fit the 1 MB that a Kafka broker takes by default, and some
	// runs fit one fetch.
	MaxRecord = 256 << 10
	// MaxArgs, MaxEnv and MaxLabels bound how many of each a job has.
	MaxArgs   = 4096
	MaxEnv    = 1000
	MaxLabels = 100
	// MaxRetries keeps a run's history readable and its end in sight.
	MaxRetries = 1000
	// MaxUnfinished bounds the unfinished runs of one job, so that its state
	// fits a record.
	MaxUnfinished = 1000
	// MaxFactor bounds retry_backoff.factor: more is a slip of the pen.
	MaxFactor = 1000
	// MaxLabel bounds the key of a label, MaxLabelValue its value.
	MaxLabel      = 63
	MaxLabelValue = 1024
	// MaxDuration bounds every duration: more is a slip of the unit.
	MaxDuration = 366 * 24 * time.Hour

	// maxCalendars and maxBlackouts bound what one job names, maxRules the
	// rules of one calendar: each due time is held against all of them.
	maxCalendars = 16
	maxBlackouts = 64
	maxRules     = 200
	// maxCalendarName bounds the name of a calendar or a blackout.
	maxCalendarName = 63
	// maxDates bounds what all calendars of the files hold together: with its
	// anchors a short file could mean a very long list.
	maxDates = 100_000

	// MaxFile bounds a job file, in bytes: some 150,000 jobs. MaxFiles and
	// MaxBytes bound the files that are read as one set, MaxJobs what is in
	// them: far beyond what one installation was measured with.
	MaxFile  = 16 << 20
	MaxFiles = 20_000
	MaxBytes = 64 << 20
	MaxJobs  = 250_000

	// maxWhole bounds a file that cannot be read some jobs at a time, since a
	// YAML tree takes fifty times the room of its text.
	maxWhole = 8 << 20
	// maxProblems bounds what is told of: nobody reads on.
	maxProblems = 1000
	// maxDepth bounds how deep YAML may nest; a job needs five levels. The
	// parser recurses, and a stack that overflows ends the process.
	maxDepth = 64
	// maxExpanded bounds, in bytes, what a file may grow to when its aliases
	// and defaults are written out, and nodeCost what each node counts for.
	maxExpanded = 128 << 20
	nodeCost    = 64
)
