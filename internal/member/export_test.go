package member

// Size is how much a view holds: names, marks and the schedulers it counts.
func (v *View) Size() (names, marks, pulses int) {
	return len(v.members), len(v.living) + len(v.dead), len(v.pulses)
}

// The bounds of a view.
const (
	DeadMost       = deadMost
	NamesMost      = namesMost
	SchedulersMost = schedulersMost
	Slack          = slack
)
