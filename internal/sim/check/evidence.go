package check

import (
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// Evidence is all that is known of a stretch of time.
type Evidence struct {
	// From and Until bound the due times that must be accounted for: those
	// after From, up to Until. Collected is when the evidence was gathered;
	// runs due by Until must have ended by then.
	From, Until, Collected time.Time

	// Jobs are the records of the jobs topic, in order.
	Jobs []Definition
	// Requests are the records of the commands topic that were acknowledged.
	Requests []Request
	// Events are the committed records of the events topic: in the order of
	// each partition, so that those of one job are in order.
	Events []run.Event
	// Runs are the committed records of all runs and retries topics.
	Runs []run.Run
	// Dead are the dead letters that hold runs.
	Dead []run.DeadLetter
	// Notices are the committed records of the topic of notices. A job of which
	// there are some tells of every run that is given up.
	Notices []run.Notice
	// Lines are what the commands wrote.
	Lines []Line
	// Faults are what was done to the system on purpose.
	Faults []Fault

	Limits Limits
}

// Definition is one record of the jobs topic.
type Definition struct {
	Name string
	Job  *job.Job // nil deletes the job
	// At is when it was written, Acted when at the latest a scheduler had
	// acted on it. Between the two, either definition may decide.
	At, Acted time.Time
}

// Request is one record of the commands topic and when at the latest a
// scheduler had acted on it.
type Request struct {
	run.Request
	Acted time.Time
}

// The words of a line.
const (
	WordStart = "start"
	WordEnd   = "end"
)

// Line is what a command wrote about itself as it started or ended. A
// command that is killed writes no end.
type Line struct {
	Word    string
	Job     string
	Run     run.ID
	Attempt int
	Fence   int64
	Host    string
	At      time.Time
	// Exit is the code it was about to exit with, of an end.
	Exit int
}

// Fault is something done on purpose. One that did not land makes the
// evidence invalid: it proves nothing about that fault. Between From and
// Until (its effects included) nothing is expected to be on time.
type Fault struct {
	Name        string
	From, Until time.Time
	Landed      bool
}

// Limits are what the judge allows for.
type Limits struct {
	// MinStarts is the least load that proves anything.
	MinStarts int
	// Skew is how far any two clocks involved may differ.
	Skew time.Duration
	// Late is how long after its time a first attempt may start while no
	// fault is in effect; zero leaves lateness unjudged.
	Late time.Duration
	// Recall is how long before its time a run must have been asked back for
	// it not to start, while no fault is in effect; zero leaves it unjudged.
	Recall time.Duration
	// Kill is how long after its timeout a command may still run.
	Kill time.Duration
}
