package sim

import (
	"hash/fnv"
	"time"
)

const (
	// brokers is how many there are.
	brokers = 3
	// retryEvery is how soon a client asks again a broker that did not answer.
	retryEvery = 100 * time.Millisecond
)

// broker leads partitions, follows others, and coordinates.
type broker struct {
	// away is until when it answers nobody, dead or frozen.
	away time.Duration
	// fenced: the others go on without it.
	fenced bool
	life   int
}

// leave has a broker answer nobody for a while. Until its session has ended all
// that it has a replica of waits for it, whoever leads.
func (w *world) leaveBroker(id int, long time.Duration) {
	b := &w.brokers[id]
	b.away = max(b.away, w.now+long)
	b.life++
	life := b.life
	session := 6*time.Second + w.upTo(12*time.Second)
	w.after(session, func() { b.fenced = b.fenced || b.life == life && b.away > w.now })
	var back func()
	back = func() {
		switch {
		case b.life != life:
		case b.away > w.now:
			w.at(b.away, back)
		default:
			b.fenced = false
		}
	}
	w.at(b.away, back)
}

func (w *world) isAway(id int) bool { return w.brokers[id].away > w.now }

// replicasOf are the brokers that hold a partition, the one first that leads it
// when all is well. A lane is held by two of three, so that for each broker there
// is a lane without it.
func (w *world) replicasOf(name string, id int32) []int {
	if name == "members" && w.cfg.Lanes > 1 {
		return []int{int(id) % brokers, int(id+1) % brokers}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	first := int((h.Sum32() + uint32(id)) % brokers)
	return []int{first, (first + 1) % brokers, (first + 2) % brokers}
}

// leader is the broker that leads p, or -1.
func (p *partition) leader() int {
	for _, id := range p.replicas {
		if !p.w.brokers[id].fenced {
			return id
		}
	}
	return -1
}

// stalled reports whether nothing that is written to p is acknowledged, or can be
// read: a replica is away and counts as in sync, or too few are left.
func (p *partition) stalled() bool {
	gone := 0
	for _, id := range p.replicas {
		if p.w.isAway(id) {
			gone++
			if !p.w.brokers[id].fenced {
				return true
			}
		}
	}
	return gone == len(p.replicas) || len(p.replicas) == brokers && gone > 1
}

// reaches reports whether the process can talk to the leader of p.
func (n *node) reaches(p *partition) bool {
	id := p.leader()
	return id >= 0 && !n.w.isAway(id) && n.cuts[id] <= n.w.now
}

// coordinator is the partition in which a coordinator keeps what it knows of a
// transactional ID or a group.
func (w *world) coordinator(of string) *partition {
	h := fnv.New32a()
	_, _ = h.Write([]byte(of))
	return w.partition("coordinators", int32(h.Sum32()%6))
}

// ask is call for what the leader of p serves: as long as it cannot be reached, it
// is asked again.
func (n *node) ask(p *partition, serve func(answer func(func()))) {
	life := n.life
	n.call(func(answer func(func())) {
		if !n.reaches(p) {
			n.w.after(retryEvery+n.w.upTo(retryEvery), func() {
				if n.life == life && n.alive {
					n.ask(p, serve)
				}
			})
			return
		}
		serve(answer)
	})
}

// stream is what a process has yet to write to a partition, in its order.
type stream struct {
	life    int
	busy    bool
	waiting []func(answer func(func()))
}

// send has serve happen at the leader of p, after what was sent to it before.
func (n *node) send(p *partition, serve func(answer func(func()))) {
	if n.streams == nil {
		n.streams = map[*partition]*stream{}
	}
	s := n.streams[p]
	if s == nil || s.life != n.life {
		s = &stream{life: n.life}
		n.streams[p] = s
	}
	s.waiting = append(s.waiting, serve)
	if !s.busy {
		s.busy = true
		n.pump(p, s)
	}
}

func (n *node) pump(p *partition, s *stream) {
	n.ask(p, func(answer func(func())) {
		all := s.waiting
		s.waiting = nil
		for _, serve := range all {
			serve(answer)
		}
		n.w.after(0, func() {
			if s.busy = len(s.waiting) > 0; s.busy {
				n.pump(p, s)
			}
		})
	})
}

// whenReached does something once n reaches p; without a process, once p has a
// leader.
func (w *world) whenReached(n *node, p *partition, do func()) {
	if n != nil && n.reaches(p) || n == nil && p.leader() >= 0 && !w.isAway(p.leader()) {
		do()
		return
	}
	w.after(retryEvery, func() { w.whenReached(n, p, do) })
}
