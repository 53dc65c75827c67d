// Package member owns who lives and who owns which shard, both read off the
// log of beats and off nothing else: every reader of the same log arrives at
// the same answer, and while Kafka is down nothing passes and nobody dies.
//
// # The states of a member
//
//	       first beat
//	           │
//	           ▼     10 beats of one       60 beats of one
//	┌────────▶ live ── scheduler ──▶ silent ── scheduler ──▶ gone ─┐
//	│           │  ◀─── its beat ──────┘                     │     │
//	│           └── a beat that says so ──▶ left ────────────┤     │
//	└────────────────── its beat, or a newer life ───────────┘     ▼
//	                                               forgotten after an hour
//
// A scheduler is never silent: it is gone after 5 beats of another one.
// Believed is the status that may be acted on: nobody is silent or gone whom
// the reader itself has heard more recently than that.
//
// # Duties
//
//	            beats            what its status decides
//	scheduler   each 0.5 s       live: owns its share of the shards (Owners);
//	                             gone, left: others take them over
//	worker      each second      live: a place for runs, if it claims;
//	                             silent: its unstarted runs are placed anew;
//	                             gone, left: its started runs are lost
//
// # What holds at all times
//
//   - The log's time is schedulers' beats, of each scheduler for itself: beats
//     of several, or in a burst, make no time pass.
//   - Of two lives of a name the one with the higher number counts. The other
//     is ousted, and ends itself when it reads so.
//   - Owners is a pure function of the live schedulers: two readers of one log
//     never see two owners of a shard. That only one commits is Kafka's fence.
//
// # Bounds
//
//	names known            50,000
//	dead that are shown    1,000, for an hour
//	schedulers counted     256
//
// It is pure: it must never import a clock, a context, the network, a lock,
// a random source or any package of Belfry other than run.
package member
