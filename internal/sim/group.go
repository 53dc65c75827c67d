package sim

import (
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
)

// The times of a consumer group: sessionTimeout is what brokers grant a
// member that says nothing.
const (
	sessionTimeout = 45 * time.Second
	rebalanceDelay = 200 * time.Millisecond
)

// groupPart is one partition of a queue, as its group sees it.
type groupPart struct {
	p         *partition
	committed int64
	known     bool     // something is committed
	owner     *session // who may commit offsets
	pending   []*transaction
	waiting   []func()
}

// resolve takes the end of a transaction with offsets in it.
func (q *groupPart) resolve(txn *transaction, next int64) {
	if txn.state == txnCommitted {
		q.committed, q.known = max(q.committed, next), true
	}
	q.pending = slices.DeleteFunc(q.pending, func(t *transaction) bool { return t == txn })
	if len(q.pending) == 0 {
		waiting := q.waiting
		q.waiting = nil
		for _, do := range waiting {
			do()
		}
	}
}

// whenStable does something once no transaction with offsets is open: until
// then nobody is told where to go on.
func (q *groupPart) whenStable(do func()) {
	if len(q.pending) == 0 {
		do()
		return
	}
	q.waiting = append(q.waiting, do)
}

// group assigns the partitions of one queue to sessions.
type group struct {
	w        *world
	topic    string
	parts    []*groupPart
	sessions []*session
	planned  bool
	at       *partition // where its coordinator keeps it
}

// session is one membership of a worker's claimer.
type session struct {
	c    *claimer
	n    *node
	life int
	gone bool // the coordinator no longer counts it
	left bool // the worker no longer uses it
	name string
	lane time.Duration // when the coordinator's latest word arrives
}

// tell has the member hear of something, in the order in which it is told.
func (s *session) tell(do func()) {
	if s.n.life != s.life {
		return
	}
	s.lane = max(s.lane, s.n.travel())
	s.n.inOrder(s.lane-s.n.w.now, do)
}

func (g *group) join(s *session) {
	if s.gone {
		return // its goodbye overtook it; on one connection it could not
	}
	g.sessions = append(g.sessions, s)
	slices.SortFunc(g.sessions, func(a, b *session) int { return strings.Compare(a.name, b.name) })
	g.heartbeat(s)
	g.plan()
}

// heartbeat looks now and then whether the session is still heard of.
func (g *group) heartbeat(s *session) {
	heard := g.w.now
	var look func()
	look = func() {
		if s.gone {
			return
		}
		if s.n.alive && s.n.life == s.life && s.n.frozen <= g.w.now && s.n.cut <= g.w.now && s.n.cuts[max(g.at.leader(), 0)] <= g.w.now || g.w.away > g.w.now || g.w.isAway(max(g.at.leader(), 0)) {
			heard = g.w.now
		}
		if g.w.now-heard >= sessionTimeout {
			g.remove(s)
			s.tell(func() { s.c.expelled(s) }) // its next heartbeat is answered so
			return
		}
		g.w.after(3*time.Second, look)
	}
	look()
}

func (g *group) remove(s *session) {
	if s.gone {
		return
	}
	s.gone = true
	g.sessions = slices.DeleteFunc(g.sessions, func(o *session) bool { return o == s })
	for _, q := range g.parts {
		if q.owner == s {
			q.owner = nil
		}
	}
	g.plan()
}

// recall is what the group remembers.
func (g *group) recall() claim.Memory {
	var m claim.Memory
	for _, q := range g.parts {
		at := claim.None
		if q.known {
			at = q.committed
		}
		m.Recall(q.p.id, at, 0, q.p.high)
	}
	return m
}

// forget is what Kafka does to the offsets of a group without members.
func (g *group) forget() {
	for _, q := range g.parts {
		q.committed, q.known = 0, false
	}
}

// resize adds partitions; the members notice after a while.
func (g *group) resize(n int) {
	for len(g.parts) < n {
		g.parts = append(g.parts, &groupPart{p: g.w.partition(g.topic, int32(len(g.parts)))})
	}
	g.w.after(g.w.upTo(5*time.Second), g.plan)
}

func (g *group) plan() {
	if g.planned {
		return
	}
	g.planned = true
	g.w.after(rebalanceDelay+g.w.upTo(rebalanceDelay), func() {
		g.planned = false
		if g.at.stalled() {
			g.plan()
			return
		}
		g.rebalance()
	})
}

// rebalance moves as few partitions as an even share allows. One that moves
// is first given up by its owner, which takes as long as that takes.
func (g *group) rebalance() {
	if len(g.sessions) == 0 {
		return
	}
	share := (len(g.parts) + len(g.sessions) - 1) / len(g.sessions)
	has := map[*session]int{}
	var free []*groupPart
	for _, q := range g.parts {
		switch {
		case q.owner == nil:
			free = append(free, q)
		case has[q.owner] >= share:
			g.revoke(q)
		default:
			has[q.owner]++
		}
	}
	for _, q := range free {
		least := g.sessions[0]
		for _, s := range g.sessions {
			if has[s] < has[least] {
				least = s
			}
		}
		has[least]++
		g.assign(q, least)
	}
}

func (g *group) revoke(q *groupPart) {
	s := q.owner
	s.tell(func() {
		s.c.revoked(s, q)
		s.n.call(func(func(func())) {
			if q.owner == s {
				q.owner = nil
				g.plan()
			}
		})
	})
}

func (g *group) assign(q *groupPart, s *session) {
	q.owner = s
	q.whenStable(func() {
		if q.owner == s {
			next := q.committed
			s.tell(func() { s.c.assigned(s, q, next) })
		}
	})
}
