package exec

import (
	"fmt"
	"io"
	"os"
	"time"
)

// The names of a command's two streams.
const (
	Stdout = "stdout"
	Stderr = "stderr"
)

// Output takes what a command writes. It is called in order for each stream,
// for the two streams possibly at the same time; p is valid during the call
// only. While it blocks, so does, sooner or later, the command.
type Output func(stream string, p []byte)

// What is read at once: little, since most commands say little and many run
// at a time, until one has filled that.
const (
	firstRead = 1 << 10
	fullRead  = 16 << 10 // a pipe rarely holds more
)

// pipes are a command's three standard files.
type pipes struct {
	// child are the ends handed to the command: stdin, stdout, stderr.
	child [3]*os.File

	// stdin is nil if the command has nothing to read.
	stdin          *os.File
	stdout, stderr *os.File

	// copied takes a word of each of the copying goroutines as it ends.
	copying int
	copied  chan struct{}
}

func openPipes(withStdin bool) (*pipes, error) {
	p := &pipes{}
	var err error
	if withStdin {
		p.child[0], p.stdin, err = os.Pipe()
	} else {
		p.child[0], err = os.Open(os.DevNull)
	}
	if err == nil {
		p.stdout, p.child[1], err = outputPipe()
	}
	if err == nil {
		p.stderr, p.child[2], err = outputPipe()
	}
	if err != nil {
		p.closeChild()
		p.closeOwn()
		return nil, fmt.Errorf("opening the command's input and output: %w", err)
	}
	return p, nil
}

// closeChild closes this process's copies of the command's ends.
func (p *pipes) closeChild() { closeAll(p.child[0], p.child[1], p.child[2]) }

func (p *pipes) closeOwn() { closeAll(p.stdin, p.stdout, p.stderr) }

// closeAll closes files, of which some may be nil. There is nothing to be
// done about an error: no data of ours is in them.
func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// copy moves data between the command and its worker until drain.
func (p *pipes) copy(stdin string, out Output) {
	p.copying, p.copied = 2, make(chan struct{}, 3)
	go p.read(p.stdout, Stdout, out)
	go p.read(p.stderr, Stderr, out)
	if p.stdin != nil {
		p.copying++
		go p.write(stdin)
	}
}

// write is the command's input. It need not read it: an error says only that.
func (p *pipes) write(stdin string) {
	_, _ = io.WriteString(p.stdin, stdin)
	_ = p.stdin.Close()
	p.copied <- struct{}{}
}

// read hands on what comes from f until nobody can write to it any more, or
// it is closed.
func (p *pipes) read(f *os.File, stream string, out Output) {
	defer func() { p.copied <- struct{}{} }()
	buf := make([]byte, firstRead)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			out(stream, buf[:n])
		}
		if err != nil {
			return
		}
		if n == firstRead && len(buf) == firstRead {
			buf = make([]byte, fullRead)
		}
	}
}

// drain takes what is left in the pipes once the command has ended, but
// waits no longer than delay for somebody who still holds them open. It
// reports whether it had to stop waiting.
func (p *pipes) drain(delay time.Duration) (cut bool) {
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for p.copying > 0 {
		select {
		case <-p.copied:
			p.copying--
		case <-timer.C:
			cut = true
			p.closeOwn() // ends who still copies
		}
	}
	p.closeOwn()
	return cut
}
