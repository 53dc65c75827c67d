package member

// othersMost bounds the members that OtherZones names.
const othersMost = 10

// OtherZones lists the members that live and tell of other time zone data than
// ours, as "worker-1: 2025b", in the order given and at most ten. Two members
// of different data may disagree on when a job is due.
func OtherZones(members []Member, ours string) []string {
	var others []string
	for _, m := range members {
		lives := m.Status == StatusLive || m.Status == StatusSilent
		if lives && m.Zones != "" && m.Zones != ours && len(others) < othersMost {
			others = append(others, m.ID+": "+m.Zones)
		}
	}
	return others
}
