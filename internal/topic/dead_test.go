package topic_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/topic"
)

// TestADeadLetterIsBounded: a record as large as Kafka takes has a letter
// that fits, which says where the whole of it stands and how long it is.
func TestADeadLetterIsBounded(t *testing.T) {
	place := topic.Place{Topic: "belfry.events", Partition: 3, Offset: 42}
	for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 760_000, 1 << 20} {
		content := bytes.Repeat([]byte{0xff}, size)
		d := topic.Unreadable(time.Unix(0, 0).UTC(), "a", errors.New(strings.Repeat("ä", size)), place, content, content)
		value, err := topic.EncodeDeadLetter(d)
		require.NoError(t, err)
		require.Less(t, len(value), 32<<10)
		require.True(t, utf8.ValidString(d.Reason))
		read, err := topic.DecodeDeadLetter(value)
		require.NoError(t, err)
		stands := topic.Place{Topic: read.Topic, Partition: read.Partition, Offset: read.Offset}
		require.Equal(t, place, stands)
		require.Equal(t, size, max(read.ValueBytes, len(read.Value)))
		require.Equal(t, size, max(read.KeyBytes, len(read.Key)))
	}
	require.Equal(t, "belfry.events/3/42", place.String())
}

// TestWhyARecordCannotBeReadIsBrief: the reason stands in a line of the log,
// and must not quote a field of any length.
func TestWhyARecordCannotBeReadIsBrief(t *testing.T) {
	long := strings.Repeat("y", 600_000)
	for _, value := range []string{
		`{"v":1,"type":"claimed","job":"a","at":"` + long + `"}`,
		`{"v":1,"` + long + `":1,"` + long + `":1}`,
		`{"v":1,"type":"claimed","job":"a","fence":"` + long + `"}`,
	} {
		_, err := topic.DecodeEvent([]byte(value))
		require.Error(t, err)
		require.LessOrEqual(t, len(err.Error()), 1<<10)
	}
}
