package member

// Room is how many slots the live workers of a cluster have free.
type Room struct{ Runs, Retries int }

// Rooms returns the room of each cluster that has live workers. The slots of
// a worker that owns no partition of a queue do not count: no run reaches it,
// and one handed on for their sake comes back.
func Rooms(members []Member) map[string]Room {
	rooms := map[string]Room{}
	for _, m := range members {
		if m.Role != RoleWorker || m.Status != StatusLive {
			continue
		}
		r := rooms[m.Cluster]
		r.Runs += m.Runs.reachable()
		r.Retries += m.Retries.reachable()
		rooms[m.Cluster] = r
	}
	return rooms
}

func (s Slots) reachable() int {
	if len(s.Partitions) == 0 {
		return 0
	}
	return max(s.Free, 0)
}
