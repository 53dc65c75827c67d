// Package claim is the worker's brain: which runs to take, when to start
// them, what to give back and what to end. The shell (package worker) tells
// it what happened and what time it is, and does what it answers:
//
//	Limit → poll → Decide → claim transaction → Step(Claimed) → SendStarting →
//	Step(StartingAcked) → Exec on the due time → Step(Exited) → SendFinished →
//	Step(Settled)
//
// # The stages of a run that a worker holds
//
//	polled ──▶ claiming ──▶ waiting ──▶ starting ──▶ ready ──▶ running ──▶ ended
//	              │            │            │          │          │          │
//	Unclaimed,    │            ▼            ▼          ▼          ▼          │
//	superseded ◀──┘         settling ◀──────┴──────────┴──────────┴──────────┘
//	(forgotten)                │
//	                           ▼
//	                        Settled (forgotten)
//
// Each input changes a run by its stage. "back" is SendReturned, "drop" is
// SendDropped, "end" is a SendFinished; all of them settle the run. A dash
// changes nothing.
//
//	                claiming   waiting     starting  ready      running  ended
//	Claimed         waiting    -           -         -          -        -
//	Unclaimed       forgotten  -           -         -          -        -
//	its time comes  -          starting    -         running    -        -
//	StartingAcked   -          -           ready     -          -        end
//	BeatAcked ³     -          -           ready     -          -        -
//	StartingFailed  -          -           again     again      again    again
//	Refused         -          -           -         -          ready    -
//	Exited          -          -           -         -          end ⁴    -
//	recall          drop ¹     drop        -         -          -        -
//	cancel          drop ¹     drop        end       end        kill     -
//	out of touch    back ¹     back        back      back       kill ²   -
//	Drain           back ¹     back        back      back       -        -
//	DrainExpired    -          -           -         -          kill     -
//	no slot         -          back        -         back       -        -
//	start deadline  -          drop        drop      drop       -        -
//
// ¹ once it is claimed. ² after LostContact, if on_lost says retry. kill has
// the shell end the command, whose Exited follows. ³ of a beat that announces it.
// ⁴ ended, if `starting` is not in the log yet.
//
// # What holds at all times
//
//   - A handing-out is known by its run.Key throughout. Every claimed one ends
//     in exactly one of SendFinished, SendReturned and SendDropped.
//   - A command is executed only after `starting` is in the log, or a beat that
//     announces it is in some lane, and every later beat says so until `starting`
//     is. A shard that judges the worker has read either.
//   - It is executed only while the worker is in touch: a beat was acknowledged
//     within InTouch by some lane (package member says why one will do).
//   - It is executed only if control was read to an end that was looked up within
//     ControlFresh and after the run was polled: a recall that was committed
//     before is known. Or to an end that was looked up after the run was claimed,
//     within ControlLost: a shard withdraws a run from its queue only once it has
//     read all events written until well after the recall. If that look missed the
//     recall, the claim was in events before it. Of what is held, nothing depends
//     on a recall being heard: the shard waits for the worker's answer.
//   - An end is told once `starting` is in the log.
//   - A run stays in beats from Decide until its last event is in the log, by the
//     number of its claim, which no other ever has.
//   - A run far ahead of its time costs nothing but its memory: no step looks at
//     it before it is near, whatever the wall clock does (order.go).
//   - Slots are taken from starting through running. As many runs more are
//     announced as slots come free while an announcement is acknowledged.
//
// # Bounds
//
//	runs held without a slot   Ahead (64,000) a queue, records of 128 MB; half of
//	                           it ahead of their times
//	runs polled at once        1,000, see limit
//	slots of a queue           10,000
//	rows in a beat             8,000; the rest is counted
//	words remembered           100,000 of the last 25 hours
//	a run's wait for a slot    250 ms where others have one, doubled from the
//	                           fifth hop on, up to 8 s
//	a run's wait for its word  20 s, then it goes back
//
// It is pure: it must never import a clock, a context, the network, a lock,
// a log or a random source, and of Belfry only job and run.
package claim
