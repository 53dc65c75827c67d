package run

// Logged is an event and its offset in its partition.
type Logged struct {
	Event  Event
	Offset int64
}

// Taken puts the events of one partition, given in the order of the log, into
// the order in which the shard's owners took them: a report comes after what
// an owner decided before it had read that far (Event.Read).
func Taken(log []Logged) []Event {
	taken := make([]Event, 0, len(log))
	var reports []Logged
	take := func(until int64) {
		for len(reports) > 0 && reports[0].Offset < until {
			taken = append(taken, reports[0].Event)
			reports = reports[1:]
		}
	}
	for _, l := range log {
		switch {
		case l.Event.Type.FromWorker():
			reports = append(reports, l)
			continue
		case l.Event.Step > 0:
			take(l.Event.Read)
		default: // of a release that did not say
			take(l.Offset)
		}
		taken = append(taken, l.Event)
	}
	if n := len(reports); n > 0 {
		take(reports[n-1].Offset + 1)
	}
	return taken
}
