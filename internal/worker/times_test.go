package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/scheduler"
	"github.com/belfry-cron/belfry/internal/shard"
)

// TestOrderOfTimes: what keeps a run from being in two places are times that
// stand in an order, in packages that may not know each other. Here they do.
func TestOrderOfTimes(t *testing.T) {
	// A survey counts beats; two of them may be half a beat closer than usual.
	counted := func(beats int) time.Duration {
		return time.Duration(beats)*member.SchedulerEvery - 750*time.Millisecond
	}
	for _, tt := range []struct {
		why             string
		shorter, longer time.Duration
	}{
		{"a beat may be lost before a worker stops", 2 * member.WorkerEvery, claim.InTouch},
		{"what is in touch may start, what is out of touch gives back", claim.InTouch + claim.ExecSoon, claim.OutOfTouch},
		{"runs are given back before a shard places them anew", claim.OutOfTouch, counted(member.WorkerSilent)},
		{"a shard counts on what workers know of control", claim.ControlFresh, member.ControlFresh + time.Nanosecond},
		{"a look at the end of control may fail three times", 4 * claim.ControlEvery, claim.ControlFresh},
		{"control that cannot be read does not delay what is given back", claim.ControlFresh, claim.OutOfTouch},
		{"a start is announced in beats before a shard may judge its worker", claim.StartAhead, claim.InTouch},
		{"a scheduler that judges has heard itself more lately than it judges by", member.HearsItself, counted(member.WorkerSilent)},
		{"a run is announced before it is too late to ask the beats", claim.StartAhead, claim.ExecSoon},
		{"starting is sent again before its run waits for long", claim.StartingRetry, claim.ExecSoon},
		{
			"what is killed for lost contact is gone before it starts elsewhere",
			claim.LostContact + exec.DefaultKillGrace + exec.DefaultWaitDelay, counted(member.WorkerGone),
		},
		{"runs are given back before any is killed", claim.OutOfTouch, claim.LostContact},
		{"a claim that takes its time is not stuck", claim.InTouch, claim.ClaimStuck},
		{"a shard has time to answer", 5 * time.Second, claim.ConfirmWait},
		{"what is staged ahead and claimed late is not old when its time comes", shard.MaxLead + 2*claim.ClaimStuck, claim.ConfirmAfter},
		{"the lead covers a failover of Kafka with ZooKeeper, 18 s and an election", 18*time.Second + 5*time.Second, scheduler.DefaultLead},
		{"a run is not old while its worker may still be silent", counted(member.WorkerGone), claim.ConfirmAfter},
	} {
		require.Less(t, tt.shorter, tt.longer, tt.why)
	}
}
