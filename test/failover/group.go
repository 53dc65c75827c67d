package main

import "slices"

// group is all strikes of a kind on one Kafka.
type group struct {
	kafka, kind                 string
	dues, lost, doubled, others int
	strikes                     []*result
}

// groups are in the order in which they were measured.
func (r *report) groups() []*group {
	var all []*group
	find := func(kafka, kind string) *group {
		i := slices.IndexFunc(all, func(g *group) bool { return g.kafka == kafka && g.kind == kind })
		if i < 0 {
			all = append(all, &group{kafka: kafka, kind: kind})
			i = len(all) - 1
		}
		return all[i]
	}
	for _, j := range r.Judged {
		g := find(j.Kafka, j.Kind)
		g.dues, g.lost, g.doubled, g.others = g.dues+j.Dues, g.lost+j.Lost, g.doubled+j.Doubled, g.others+j.Others
	}
	for _, s := range r.Strikes {
		g := find(s.Kafka, s.Kind)
		g.strikes = append(g.strikes, s)
	}
	return all
}

// pool takes a stream of all strikes as one, with the fault or without.
func (g *group) pool(name string, faulty bool) stream {
	var all stream
	for _, s := range g.strikes {
		one := s.Undisturbed[name]
		if faulty {
			one = s.Faulty[name]
		}
		all.waits = append(all.waits, one.waits...)
		all.Skipped, all.Never, all.Failed = all.Skipped+one.Skipped, all.Never+one.Never, all.Failed+one.Failed
	}
	all.Late = spreadOf(all.waits)
	return all
}
