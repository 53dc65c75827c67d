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
// # Lanes
//
// Members beat in several lanes, the first partitions of the topic, each held by
// other brokers. In each the rule above is kept by itself, and its log is the only
// clock: while a lane stands still, no time passes there.
//
//	            silent or gone    so that
//	worker      in all its lanes  any lane that has a beat lets it start runs
//	scheduler   in most of them   a lane that is lost stops no take-over
//
// Why no run of a worker starts twice: what it may start hangs on one lane that
// acknowledged a beat lately, and on each lane hangs whether it is silent. So both
// hang on that lane, and what holds with one holds with many. It takes one more
// condition, for what was read of a lane may be old: the worker must have been
// missing from all lanes at one moment. A reader knows all that a lane held when it
// sent the latest of its own beats that it has read there. The moment is that of
// the lane in which this was longest ago. At it, no lane had acknowledged a beat
// for 4.25 s; so the worker knew by then, or will before it takes in any later
// acknowledgement, that it was out of touch, and has given back all that it held.
// Its later claims name a later beat than some lane held at that moment
// (Behind), and are not judged by it.
//
// A beat lists the claims whose start it announces. One lane that has it is enough:
// whoever judges the worker has read all lanes.
//
// A member of an earlier release says nothing of lanes. It beats in the first, and
// is judged in that alone.
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
//     of several, or in a burst, make no time pass. No lane's time is another's.
//   - In how many lanes a life beats never changes.
//   - Of two lives of a name the one with the higher number counts. The other
//     is ousted, and ends itself when it reads so.
//   - Owners is a pure function of the live schedulers: two readers of one log
//     never see two owners of a shard. That only one commits is Kafka's fence.
//
// # Bounds
//
//	names known            50,000
//	dead that are shown    1,000, for an hour
//	schedulers counted     256 a lane
//	lanes                  16
//
// It is pure: it must never import a clock, a context, the network, a lock,
// a random source or any package of Belfry other than run.
package member
