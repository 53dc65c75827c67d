package keeper

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What is written is read again, whatever bytes arguments hold.
func TestMessagesAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) })
		start := startMessage{
			id: rapid.Uint64().Draw(t, "id"), file: bytes.Draw(t, "file"), dir: bytes.Draw(t, "dir"),
			args:     rapid.SliceOf(bytes).Draw(t, "args"),
			env:      rapid.SliceOf(bytes).Draw(t, "env"),
			inCgroup: rapid.Bool().Draw(t, "in_cgroup"),
		}
		if rapid.Bool().Draw(t, "as_another") {
			start.credential = &syscall.Credential{
				Uid: rapid.Uint32().Draw(t, "uid"), Gid: rapid.Uint32().Draw(t, "gid"),
				Groups: rapid.SliceOfN(rapid.Uint32(), 1, 5).Draw(t, "groups"),
			}
		}
		gotStart, err := decodeStart(body(t, kindStart, start.encode()))
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(start, gotStart, cmp.AllowUnexported(startMessage{})))

		begun := startedMessage{
			id: start.id, pid: rapid.IntMin(0).Draw(t, "pid"), errno: syscall.Errno(rapid.Uint8().Draw(t, "errno")),
			at: time.Unix(0, rapid.Int64().Draw(t, "at")),
		}
		gotBegun, err := decodeStarted(body(t, kindStarted, begun.encode()))
		require.NoError(t, err)
		require.Equal(t, begun, gotBegun)

		over := endedMessage{id: start.id, end: End{
			Status:  syscall.WaitStatus(rapid.Uint32().Draw(t, "status")),
			Stopped: rapid.Bool().Draw(t, "stopped"), CPU: time.Duration(rapid.Int64().Draw(t, "cpu")),
			PeakBytes: rapid.Int64().Draw(t, "peak"), Left: rapid.IntMin(0).Draw(t, "left"),
		}}
		gotOver, err := decodeEnded(body(t, kindEnded, over.encode()))
		require.NoError(t, err)
		require.Equal(t, over, gotOver)
	})
}

// body is a reader of a frame, behind its kind.
func body(t require.TestingT, want kind, frame []byte) *reader {
	require.Equal(t, want, kind(frame[lengthBytes]))
	return &reader{rest: frame[lengthBytes+1:]}
}

// Bytes that are no message are an error, however they are cut or changed,
// and claim no more memory than they have bytes.
func TestGarbageIsAnError(t *testing.T) {
	whole := startMessage{id: 7, file: "/bin/true", args: []string{"true"}, env: []string{"A=b"}}.encode()
	for n := lengthBytes + 1; n < len(whole); n++ {
		_, err := decodeStart(&reader{rest: whole[lengthBytes+1 : n]})
		require.ErrorIs(t, err, errGarbled)
	}
	_, err := decodeStart(&reader{rest: append(whole[lengthBytes+1:], 0)})
	require.ErrorIs(t, err, errGarbled)
	rapid.Check(t, func(t *rapid.T) {
		r := &reader{rest: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")}
		if m, err := decodeStart(r); err == nil {
			require.LessOrEqual(t, len(m.args)+len(m.env), 1<<10)
		}
	})
}
