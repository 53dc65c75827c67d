package keeper

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// newPair returns both ends of a line.
func newPair(t *testing.T) (one, other *line) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	var lines [2]*line
	for i, fd := range fds {
		lines[i], err = newLine(os.NewFile(uintptr(fd), "end"))
		require.NoError(t, err)
		t.Cleanup(lines[i].close)
	}
	return lines[0], lines[1]
}

// Frames of all lengths arrive in order, each with its descriptors, although
// they are read in other pieces than they were written.
func TestFramesArriveWhole(t *testing.T) {
	one, other := newPair(t)
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	lengths := []int{0, 1, 100, 5 << 20, 3, readBytes, 0}
	sent := make(chan error, len(lengths))
	go func() {
		for i, n := range lengths {
			var files []int
			for range i % 3 {
				files = append(files, int(file.Fd()))
			}
			sent <- one.write(startMessage{id: uint64(i), file: strings.Repeat("x", n)}.encode(), files...)
		}
		one.close()
	}()
	for i, n := range lengths {
		kind, r, err := other.read()
		require.NoError(t, err)
		require.Equal(t, kindStart, kind)
		m, err := decodeStart(r)
		require.NoError(t, err)
		require.EqualValues(t, i, m.id)
		require.Len(t, m.file, n)
		files, err := other.take(i % 3)
		require.NoError(t, err)
		for _, fd := range files {
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			require.NoError(t, err)
			require.Equal(t, unix.FD_CLOEXEC, flags, "it would reach commands")
			require.NoError(t, unix.Close(fd))
		}
		require.NoError(t, <-sent)
	}
	_, _, err = other.read()
	require.ErrorIs(t, err, io.EOF)
	_, err = other.take(1)
	require.ErrorIs(t, err, errGarbled)
}

// A frame beyond the bound is not sent, and not read for.
func TestFramesAreBounded(t *testing.T) {
	one, other := newPair(t)
	require.ErrorIs(t, one.write(make([]byte, maxFrame+lengthBytes+1)), errTooLong)
	_, err := one.conn.Write([]byte{0xff, 0xff, 0xff, 0xff})
	require.NoError(t, err)
	_, _, err = other.read()
	require.ErrorIs(t, err, errTooLong)
}

// A keeper that nobody asked for says so.
func TestMainByHand(t *testing.T) {
	var stderr bytes.Buffer
	require.Equal(t, 2, Main(nil, &stderr))
	require.Contains(t, stderr.String(), "started by a worker")
}
