package job

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/belfry-cron/belfry/internal/schedule"
)

// Compiler makes many definitions ready to name due times: zones are loaded,
// expressions read and calendars worked out only once where jobs share them.
// It belongs to one goroutine.
type Compiler struct {
	checker  *checker
	encoding json.Options
}

// maxShared bounds what is kept of each kind. Jobs hold on to what they use.
const maxShared = 10_000

// NewCompiler returns a compiler that knows nothing yet.
func NewCompiler() *Compiler { return &Compiler{newChecker(nil), versionJSON()} }

// Version is j.Version.
func (c *Compiler) Version(j *Job) string { return j.version(c.encoding) }

// Compile checks j as Validate does and returns its schedule, as Compile
// does, and what it excludes. It lets j share the text of its calendars with
// other jobs. If there are problems, both are nil.
func (c *Compiler) Compile(j *Job) (*schedule.Schedule, *Exclusions, []Problem) {
	if len(c.checker.zones) > maxShared {
		clear(c.checker.zones)
	}
	if problems := c.checker.problems(*j); len(problems) > 0 || j.Schedule == "" {
		return nil, nil, problems
	}
	s, err := c.checker.compile(*j, c.checker.zone(j.Timezone).location)
	if err != nil {
		return nil, nil, []Problem{{Field: "schedule", Message: err.Error()}}
	}
	x, err := c.checker.calendars.Exclusions(j, s.Location())
	if err != nil {
		return nil, nil, []Problem{{Message: err.Error()}}
	}
	return s, x, nil
}

// Schedule is j.Compile of a job that was found to be good.
func (c *Compiler) Schedule(j *Job) (*schedule.Schedule, error) {
	z := c.checker.zone(j.Timezone)
	if z.message != "" {
		return nil, fmt.Errorf("time zone of job %s: %s", j.Name, z.message)
	}
	if j.Schedule == "" {
		return nil, nil
	}
	return c.checker.compile(*j, z.location)
}

// expression is all that a schedule is made of; key is the job's name where
// that has a part in it.
type expression struct {
	text    string
	seconds bool
	zone    *time.Location
	key     string
}

// compile reads j's expression, or finds the schedule of a job that has the
// same one.
func (c *checker) compile(j Job, zone *time.Location) (*schedule.Schedule, error) {
	e := expression{text: j.Schedule, seconds: j.Seconds, zone: zone}
	if !strings.HasPrefix(e.text, "@") && strings.ContainsAny(e.text, "Hh~") {
		e.key = j.Name
	}
	if s, known := c.schedules[e]; known {
		return s, nil
	}
	s, err := j.compileIn(zone)
	if err != nil {
		return nil, err
	}
	if len(c.schedules) >= maxShared {
		clear(c.schedules)
	}
	c.schedules[e] = s
	return s, nil
}
