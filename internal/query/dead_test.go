package query

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

func TestWhatSeveralMembersKeptOfOneRecordIsListedOnce(t *testing.T) {
	at := func(offset int64) DeadLetter {
		return DeadLetter{DeadLetter: run.DeadLetter{Topic: "belfry.control", Offset: offset}}
	}
	runs := DeadLetter{DeadLetter: run.DeadLetter{Run: &run.Run{ID: "a"}}}
	require.Len(t, eachPlaceOnce([]DeadLetter{at(1), at(1), at(2), runs, runs}), 4)
}

func TestTheNewestDeadLettersAreKept(t *testing.T) {
	at := func(second int64) DeadLetter {
		return DeadLetter{DeadLetter: run.DeadLetter{At: time.Unix(second, 0)}}
	}
	f := DeadFilter{Limit: 2}
	require.Equal(t, []DeadLetter{at(2), at(3)}, f.newest([]DeadLetter{at(3), at(1), at(2)}))
	f.Limit = 0
	require.Equal(t, []DeadLetter{at(1), at(3)}, f.newest([]DeadLetter{at(3), at(1)}))
}

// letters are those of three runs of two jobs: one given up twice, one
// requeued since.
func letters() []DeadLetter {
	of := func(id run.ID, job string, requeued bool) DeadLetter {
		return DeadLetter{DeadLetter: run.DeadLetter{Run: &run.Run{ID: id, Job: job}}, Requeued: requeued}
	}
	return []DeadLetter{
		of("3f2a9c1e", "backup", false), of("3f2a9c1e", "backup", false),
		of("3f77aaaa", "report", false),
		of("9c000000", "backup", true),
		{DeadLetter: run.DeadLetter{Topic: "belfry.jobs"}}, // of no run
	}
}

func TestADeadRunIsNamedByTheBeginningOfItsID(t *testing.T) {
	r, err := DeadRun(letters(), "3F2A", false)
	require.NoError(t, err)
	require.Equal(t, run.ID("3f2a9c1e"), r.ID)

	_, err = DeadRun(letters(), "ffff", false)
	require.ErrorAs(t, err, new(*NoRunError))
	var several *AmbiguousError
	_, err = DeadRun(letters(), "3f", false)
	require.ErrorAs(t, err, &several)
	require.Equal(t, 2, several.Count)
	_, err = DeadRun(letters(), "9c", false)
	require.ErrorAs(t, err, new(*RequeuedError))
	r, err = DeadRun(letters(), "9c", true)
	require.NoError(t, err)
	require.Equal(t, run.ID("9c000000"), r.ID)
}

func TestTheDeadRunsOfAJobWaitOnceEach(t *testing.T) {
	waiting := DeadRuns(letters(), "backup")
	require.Len(t, waiting, 1)
	require.Equal(t, run.ID("3f2a9c1e"), waiting[0].ID)
}
