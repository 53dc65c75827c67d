package job

import (
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/schedule"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

// Compile makes the job's expression ready to name due times. A job without
// one, that runs only when asked to, has a nil schedule. The error wraps a
// *schedule.Error if the expression is at fault.
func (j Job) Compile() (*schedule.Schedule, error) {
	if j.Schedule == "" {
		return nil, nil
	}
	name := j.Timezone
	if name == "" {
		name = Default().Timezone
	}
	location, err := tzdata.Load(name)
	if err != nil {
		return nil, fmt.Errorf("loading time zone %q of job %s: %w", name, j.Name, err)
	}
	s, err := j.compileIn(location)
	if err != nil {
		return nil, fmt.Errorf("reading schedule %q of job %s: %w", j.Schedule, j.Name, err)
	}
	return s, nil
}

// compileIn is the one place that hands an expression to schedule.
func (j Job) compileIn(location *time.Location) (*schedule.Schedule, error) {
	return schedule.Parse(j.Schedule, schedule.Options{Seconds: j.Seconds, Location: location, Key: j.Name})
}
