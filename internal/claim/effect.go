package claim

import "github.com/belfry-cron/belfry/internal/run"

// Effect is one thing to do: one of the types below.
type Effect interface{ effect() }

type (
	// SendStarting: write the `starting` event, and tell of it with
	// StartingAcked or StartingFailed.
	SendStarting struct{ Run run.Run }

	// Exec: start the command now, and tell of it with Exited or Refused. Cleared
	// is for MayStart.
	Exec struct {
		Run     run.Run
		Cleared bool
	}

	// SendBeat: send a beat soon. It announces a start that waits for it.
	SendBeat struct{}

	// Kill: end the running command.
	Kill struct {
		Key    run.Key
		Reason string
	}

	// SendFinished: write the `finished` event until it is in the log, then
	// tell of it with Settled.
	SendFinished struct {
		Run     run.Run
		Outcome run.Outcome
	}

	// SendReturned: the same with the `returned` event.
	SendReturned struct {
		Run    run.Run
		Reason string
	}

	// SendDropped: the same with the `dropped` event.
	SendDropped struct {
		Run    run.Run
		Reason string
	}
)

func (SendStarting) effect() {}
func (Exec) effect()         {}
func (SendBeat) effect()     {}
func (Kill) effect()         {}
func (SendFinished) effect() {}
func (SendReturned) effect() {}
func (SendDropped) effect()  {}

type effects []Effect

func (e *effects) add(one Effect) { *e = append(*e, one) }
