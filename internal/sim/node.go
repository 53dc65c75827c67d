package sim

import "time"

// node is a process on a host: it may die, stand still, be cut off from
// Kafka, and have a clock of its own.
type node struct {
	w     *world
	name  string
	life  int
	alive bool
	// frozen is until when it stands still, cut until when no packet passes.
	frozen, cut time.Duration
	skew        time.Duration
	// cuts is until when it does not reach each broker.
	cuts    [brokers]time.Duration
	streams map[*partition]*stream
}

// wall is what the host's clock says.
func (n *node) wall() time.Time { return n.w.real(n.w.now).Add(n.skew) }

// after has the process do something later in this life. A process that
// stands still does it when it goes on.
func (n *node) after(d time.Duration, do func()) {
	life := n.life
	n.w.after(d, func() { n.do(life, do) })
}

func (n *node) do(life int, do func()) {
	switch {
	case n.life != life || !n.alive:
	case n.frozen > n.w.now:
		n.w.at(n.frozen+n.w.upTo(2*time.Millisecond), func() { n.do(life, do) })
	default:
		do()
	}
}

// inOrder is after for what arrives on one connection: not even a process
// that stands still gets it in another order.
func (n *node) inOrder(d time.Duration, do func()) {
	life := n.life
	var try func()
	try = func() {
		switch {
		case n.life != life || !n.alive:
		case n.frozen > n.w.now:
			n.w.at(n.frozen+time.Microsecond, try)
		default:
			do()
		}
	}
	n.w.after(d, try)
}

// tick does something each period until it answers false. Ticks missed while
// the process stood still are not made up for, but the first comes at once.
func (n *node) tick(period time.Duration, do func() bool) {
	began := n.w.now
	var next func()
	next = func() {
		if do() {
			n.after(period-(n.w.now-began)%period, next)
		}
	}
	next()
}

// travel is when a packet sent now passes the network between the process
// and Kafka.
func (n *node) travel() time.Duration {
	d := n.w.latency()
	if n.cut > n.w.now {
		d += n.cut - n.w.now
	}
	return n.w.now + d
}

// call sends a request: serve happens at the broker, and has what answers it
// done here. What waits for Kafka to come back dies with its process.
func (n *node) call(serve func(answer func(func()))) { n.arrive(n.travel(), serve) }

func (n *node) arrive(at time.Duration, serve func(answer func(func()))) {
	life := n.life
	n.w.at(at, func() {
		if n.w.away > n.w.now {
			if n.life == life && n.alive {
				n.arrive(n.w.away+time.Millisecond, serve)
			}
			return
		}
		serve(func(do func()) {
			if n.life == life {
				n.answer(do)
			}
		})
	})
}

// answer has something done here once an answer sent now has arrived.
func (n *node) answer(do func()) {
	at := n.travel()
	if n.w.away > at {
		at = n.w.away + n.w.latency()
	}
	n.after(at-n.w.now, do)
}
