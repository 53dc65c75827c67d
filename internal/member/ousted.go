package member

// oustedBeats is for how many beats of a new life its predecessor is told to
// end: for ten seconds, so that it learns of it also if a scheduler dies then.
const oustedBeats = 10

// Ousted is a worker's life whose name a later one has taken without it
// having said goodbye. Should its process still run, it must end.
type Ousted struct {
	ID      string
	Cluster string // the older life's, where its process listens
	By      int64  // the later incarnation
}

// Ousted returns the life that b, the beat observed last, shows to be over: b
// is one of its own beats, or one of the first of the life that came after it.
// Schedulers read the beats themselves.
func (v *View) Ousted(b Beat) (Ousted, bool) {
	e := v.members[b.ID]
	switch {
	case e == nil || b.Role != RoleWorker || b.Leaving:
		return Ousted{}, false
	case b.Incarnation < e.beat.Incarnation:
		return Ousted{b.ID, b.Cluster, e.beat.Incarnation}, true
	case e.ousted != "" && b.Seq <= oustedBeats:
		return Ousted{b.ID, e.ousted, b.Incarnation}, true
	}
	return Ousted{}, false
}
