package query

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheEndOfTheOutputIsWaitedForWithinReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o output
		begin := time.Now()
		time.AfterFunc(closingWait/4, func() { o.close(1) }) // of an attempt before
		time.AfterFunc(closingWait/2, func() { o.close(2) })
		require.NoError(t, o.await(2, nil))
		require.Equal(t, closingWait/2, time.Since(begin))

		begin = time.Now()
		require.NoError(t, o.await(2, nil), "closed already")
		require.Zero(t, time.Since(begin))
		require.NoError(t, o.await(3, nil), "a lost worker closes nothing")
		require.Equal(t, closingWait, time.Since(begin))
	})
}
