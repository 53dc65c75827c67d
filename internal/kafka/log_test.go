package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestTheClientSaysTheSameOnlyFromTimeToTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newQuietLogger(slog.New(slog.NewTextHandler(&out, nil)))
		for range 100 {
			log.Log(kgo.LogLevelWarn, "unable to open connection")
		}
		log.Log(kgo.LogLevelError, "something else")
		require.Equal(t, 2, strings.Count(out.String(), "\n"))
		<-time.After(sayAgain)
		log.Log(kgo.LogLevelWarn, "unable to open connection")
		require.Equal(t, 3, strings.Count(out.String(), "\n"))
	})
}
