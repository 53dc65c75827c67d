package sim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// recovery is how long after a fault its effects may be felt: a group's
// session timeout, and what has piled up since.
const recovery = 90 * time.Second

// note tells the judge of a fault that lasts from now on.
func (w *world) note(name string, lasts time.Duration) {
	w.faults = append(w.faults, check.Fault{
		Name: name, From: w.real(w.now), Until: w.real(w.now + lasts + recovery), Landed: true,
	})
}

// nextFault does something bad and thinks of the next.
func (w *world) nextFault() {
	if w.now >= w.cfg.Span-10*time.Second {
		w.heal()
		return
	}
	w.fault()
	w.after(time.Second+w.upTo(2*w.cfg.FaultEvery), w.nextFault)
}

// heal ends all faults, so that everything can come to its end.
func (w *world) heal() {
	w.freezeNext = 0
	w.note("heal", 0)
}

func (w *world) fault() {
	long := time.Second * time.Duration([]int64{1, 3, 6, 12, 20, 35, 50, 75}[w.rng.IntN(8)])
	long += w.upTo(long / 2)
	n := w.someNode()
	switch kind := w.rng.IntN(27); kind {
	case 0, 1:
		w.stopNode(n, "crash", w.upTo(long))
	case 2:
		w.stopNode(n, "restart", w.upTo(long))
	case 3, 4, 5:
		w.freeze(n, long)
	case 6:
		w.freezeNext = long
		w.trace("fault", "", "", "the next to start a run stands still for %s", long)
	case 7, 8:
		n.cut = max(n.cut, w.now+long)
		w.trace("fault", "", "", "%s is cut off for %s", n.name, long)
		w.note("cut", long)
	case 9:
		w.slow = w.now + min(long, 30*time.Second)
		w.trace("fault", "", "", "disks are slow for %s", w.slow-w.now)
		w.note("slow", w.slow-w.now)
	case 10, 11:
		w.lossy = w.now + min(long, 30*time.Second)
		w.trace("fault", "", "", "answers get lost for %s", w.lossy-w.now)
		w.note("lossy", w.lossy-w.now)
	case 12:
		w.away = w.now + 2*long
		w.trace("fault", "", "", "Kafka is away for %s", 2*long)
		w.note("away", 2*long)
	case 13, 14:
		w.jump(n)
	case 15:
		if w.rng.IntN(2) == 0 {
			w.deafen(long)
		} else {
			w.mute(long)
		}
	case 16:
		w.forgetGroups()
	case 17, 18, 19:
		w.brokerAway(w.rng.IntN(brokers), long)
	case 20:
		first := w.rng.IntN(brokers)
		w.brokerAway(first, long)
		w.brokerAway((first+1)%brokers, long+w.upTo(long))
	case 23:
		w.dieWithBroker(long)
	case 24:
		w.crossCut(long)
	case 21, 22:
		id := w.rng.IntN(brokers)
		n.cuts[id] = max(n.cuts[id], w.now+long)
		w.trace("fault", "", "", "%s does not reach broker %d for %s", n.name, id, long)
		w.note("cut from a broker", long)
	default:
		g := w.groupOrder[w.rng.IntN(len(w.groupOrder))]
		g.resize(len(g.parts) + 1 + w.rng.IntN(2))
		w.trace("fault", "", "", "%s has %d partitions", g.topic, len(g.parts))
		w.note("resize", 5*time.Second)
	}
}

// brokerAway has a broker die or stand still for a while.
func (w *world) brokerAway(id int, long time.Duration) {
	w.leaveBroker(id, long)
	w.trace("fault", "", "", "broker %d is away for %s", id, long)
	w.note("broker", long)
}

// dieWithBroker has a worker die in the same seconds as a broker.
func (w *world) dieWithBroker(long time.Duration) {
	w.brokerAway(w.rng.IntN(brokers), 12*time.Second+long)
	k := w.workers[w.rng.IntN(len(w.workers))]
	w.after(w.upTo(8*time.Second), func() { w.stopNode(k.node, "crash", long) })
}

// crossCut has a worker reach one broker alone, which a scheduler does not reach.
func (w *world) crossCut(long time.Duration) {
	k, s, id := w.workers[w.rng.IntN(len(w.workers))], w.schedulers[w.rng.IntN(len(w.schedulers))], w.rng.IntN(brokers)
	for i := range brokers {
		if i != id {
			k.cuts[i] = max(k.cuts[i], w.now+long)
		}
	}
	s.cuts[id] = max(s.cuts[id], w.now+long)
	w.trace("fault", "", "", "%s reaches broker %d alone, which %s does not, for %s", k.name, id, s.name, long)
	w.note("cross cut", long)
}

// deafen keeps control from a worker, and nothing else.
func (w *world) deafen(long time.Duration) {
	k := w.workers[w.rng.IntN(len(w.workers))]
	k.deaf = w.now + long
	w.trace("fault", "", "", "%s hears no control for %s", k.name, long)
	w.note("deaf", long)
}

// mute keeps a worker's beats from the log, and nothing else.
func (w *world) mute(long time.Duration) {
	k := w.workers[w.rng.IntN(len(w.workers))]
	k.mute = w.now + long
	w.trace("fault", "", "", "no beat of %s arrives for %s", k.name, long)
	w.note("mute", long)
}

// forgetGroups ends all workers of a cluster for so long that what they claimed
// is old by any clock, and has Kafka lose what their groups had committed. A
// real one does so after days.
func (w *world) forgetGroups() {
	cluster := w.clusters()[w.rng.IntN(len(w.clusters()))]
	empty := claim.ConfirmAfter + 5*time.Second + 2*w.cfg.Clocks
	for _, k := range w.workers {
		if k.cluster == cluster {
			w.stopNode(k.node, "crash", empty)
		}
	}
	w.after(empty, func() {
		for _, q := range []run.Queue{run.QueueRuns, run.QueueRetries} {
			if g := w.group(cluster, q); len(g.sessions) == 0 {
				w.trace("fault", "", "", "the group of %s is forgotten", g.topic)
				g.forget()
			}
		}
		w.note("forgotten", 0)
	})
}

// someNode is one that lives.
func (w *world) someNode() *node {
	for {
		var n *node
		if i := w.rng.IntN(len(w.schedulers) + len(w.workers)); i < len(w.schedulers) {
			n = w.schedulers[i].node
		} else {
			n = w.workers[i-len(w.schedulers)].node
		}
		if n.alive {
			return n
		}
		if w.chance(0.05) {
			return n
		}
	}
}

func (w *world) freeze(n *node, long time.Duration) {
	n.frozen = max(n.frozen, w.now+long)
	w.trace("fault", "", "", "%s stands still for %s", n.name, long)
	w.note("freeze", long)
}

// aboutToStart lets a process stand still right between deciding to start a
// command and starting it.
func (w *world) aboutToStart(n *node) {
	if w.freezeNext > 0 {
		w.freeze(n, w.freezeNext)
		w.freezeNext = 0
	}
}

// stopNode ends a process, politely or not, and starts it again later.
func (w *world) stopNode(n *node, how string, off time.Duration) {
	if !n.alive {
		return
	}
	w.trace("fault", "", "", "%s: %s, back after %s", n.name, how, off)
	w.note(how, off)
	for _, s := range w.schedulers {
		if s.node != n {
			continue
		}
		if how == "crash" {
			s.crash()
		} else {
			s.leave()
		}
		w.after(off+1500*time.Millisecond, func() { w.again(n, s.crash, s.start) })
	}
	for _, k := range w.workers {
		if k.node != n {
			continue
		}
		if how == "crash" {
			k.crash()
		} else if k.claimers != nil {
			k.drain()
		}
		w.after(off+1500*time.Millisecond, func() { w.again(n, k.crash, k.start) })
	}
}

// again starts a process whose last life is over, or ends that first.
func (w *world) again(n *node, crash, start func()) {
	if n.alive {
		crash()
	}
	start()
}

// jump sets a host's clock.
func (w *world) jump(n *node) {
	if w.cfg.Clocks == 0 {
		return
	}
	by := w.upTo(2*w.cfg.Clocks) - w.cfg.Clocks
	n.skew = max(-w.cfg.Clocks, min(w.cfg.Clocks, n.skew+by))
	w.trace("fault", "", "", "the clock of %s is off by %s", n.name, n.skew)
	w.note("clock", 0)
	// The shells look at the clock at least once a second.
	for _, s := range w.schedulers {
		if s.node == n {
			s.after(w.upTo(time.Second), func() {
				for _, p := range s.owned() {
					if t := s.loops[p].tenure; t != nil {
						t.wakeAt = 0
						t.poke()
					}
				}
			})
		}
	}
}
