package member

import "time"

// Size is how much a view holds: names, marks and the schedulers it counts.
func (v *View) Size() (names, marks, pulses int) {
	for _, l := range v.lanes {
		marks, pulses = max(marks, len(l.living)), max(pulses, len(l.pulses))
	}
	return len(v.members), marks + len(v.dead), pulses
}

// The bounds of a view.
const (
	DeadMost       = deadMost
	NamesMost      = namesMost
	SchedulersMost = schedulersMost
	Slack          = slack
)

// InLane is what one lane says of a member.
type InLane struct {
	Status Status
	Heard  time.Duration
	Seq    int64
}

// Said is a member of which the lanes say that, and the log as a whole status.
func Said(role Role, status Status, lanes ...InLane) Member {
	m := Member{Beat: Beat{Role: role}, Status: status}
	for _, l := range lanes {
		m.lanes = append(m.lanes, seen{l.Status, l.Heard, l.Seq})
		m.Seq = max(m.Seq, l.Seq)
	}
	return m
}
