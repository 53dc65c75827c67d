package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// maxFrame bounds a frame. Linux executes nothing with more than 6 MiB of
	// arguments and environment; the rest is for lengths and what else a
	// start says.
	maxFrame = 8 << 20
	// maxFiles is how many descriptors come with a frame.
	maxFiles = 4
	// readBytes is what is read at once, and what the buffer shrinks to.
	readBytes = 64 << 10
)

// errTooLong says that a frame is longer than maxFrame.
var errTooLong = errors.New("a message between worker and keeper is too long")

// line is one end of the socket between a worker and its keeper. Frames may
// be written by several goroutines, and are read by one.
type line struct {
	conn *net.UnixConn

	writing sync.Mutex

	buf   []byte // read, and not yet taken from front on
	front int
	files []int // the descriptors that came, in their order
}

// newLine takes over f, which is a connected socket.
func newLine(f *os.File) (*line, error) {
	conn, err := net.FileConn(f)
	closed := f.Close() // conn has a descriptor of its own
	if err := errors.Join(err, closed); err != nil {
		return nil, fmt.Errorf("opening the socket between worker and keeper: %w", err)
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("the socket between worker and keeper is not a Unix socket"), conn.Close())
	}
	return &line{conn: unixConn}, nil
}

// write sends a frame with its descriptors, which stay open here.
func (l *line) write(frame []byte, files ...int) error {
	if len(frame)-lengthBytes > maxFrame {
		return errTooLong
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if len(files) > 0 {
		n, _, err := l.conn.WriteMsgUnix(frame, unix.UnixRights(files...), nil)
		if err != nil {
			return fmt.Errorf("writing to the socket between worker and keeper: %w", err)
		}
		frame = frame[n:] // a stream may take only its beginning at once
	}
	if len(frame) == 0 {
		return nil
	}
	if _, err := l.conn.Write(frame); err != nil {
		return fmt.Errorf("writing to the socket between worker and keeper: %w", err)
	}
	return nil
}

// read returns the next frame. Its bytes are valid until the next read.
func (l *line) read() (kind, *reader, error) {
	for {
		if waiting := l.buf[l.front:]; len(waiting) >= lengthBytes {
			n := int(binary.LittleEndian.Uint32(waiting))
			switch {
			case n < 1:
				return 0, nil, errGarbled
			case n > maxFrame:
				return 0, nil, errTooLong
			case len(waiting) >= lengthBytes+n:
				l.front += lengthBytes + n
				frame := waiting[lengthBytes : lengthBytes+n]
				return kind(frame[0]), &reader{rest: frame[1:]}, nil
			}
		}
		if err := l.fill(); err != nil {
			return 0, nil, err
		}
	}
}

// fill reads once, and moves what is left to the beginning of the buffer.
func (l *line) fill() error {
	left := copy(l.buf, l.buf[l.front:])
	l.buf, l.front = l.buf[:left], 0
	if left == 0 && cap(l.buf) != readBytes {
		l.buf = make([]byte, 0, readBytes)
	}
	if left == cap(l.buf) {
		l.buf = append(make([]byte, 0, 2*left), l.buf...)
	}
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobN, _, _, err := l.conn.ReadMsgUnix(l.buf[left:cap(l.buf)], oob)
	if err != nil {
		return fmt.Errorf("reading from the socket between worker and keeper: %w", err)
	}
	l.buf = l.buf[:left+n]
	if oobN == 0 {
		return nil
	}
	return l.keepFiles(oob[:oobN])
}

// keepFiles takes the descriptors out of control messages. They are closed
// on exec: Go asks for that.
func (l *line) keepFiles(oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("reading descriptors: %w", err)
	}
	for _, m := range messages {
		files, err := unix.ParseUnixRights(&m)
		if err != nil {
			return fmt.Errorf("reading descriptors: %w", err)
		}
		l.files = append(l.files, files...)
	}
	return nil
}

// take returns the next n descriptors that came.
func (l *line) take(n int) ([]int, error) {
	if len(l.files) < n {
		return nil, errGarbled
	}
	files := l.files[:n:n]
	l.files = l.files[n:]
	return files, nil
}

func (l *line) close() { _ = l.conn.Close() } // whatever was to be said was said
