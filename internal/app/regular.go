package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ReadFile returns what is in a regular file of at most so many bytes. Pipes,
// devices, sockets and folders are refused before they are opened, since
// opening one may wait for another process, or do something. Reading ends
// when ctx does.
func ReadFile(ctx context.Context, name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := checkFile(name, info, most); err != nil {
		return nil, err
	}
	// Another file may have taken the name meanwhile: no wait, then look again.
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if err := checkFile(name, info, most); err != nil {
		return nil, err
	}
	var data bytes.Buffer
	data.Grow(int(info.Size()) + bytes.MinRead)
	const step = 1 << 20
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		n, err := io.CopyN(&data, f, step)
		switch {
		case int64(data.Len()) > most: // it grew
			return nil, tooLong(name, int64(data.Len()), most)
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			return data.Bytes(), nil
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
}

func checkFile(name string, info fs.FileInfo, most int64) error {
	var what string
	switch mode := info.Mode(); {
	case mode.IsRegular():
		if info.Size() > most {
			return tooLong(name, info.Size(), most)
		}
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	default:
		what = "no regular file"
	}
	return fmt.Errorf("%s is %s; only regular files are read, and links to them", name, what)
}

func tooLong(name string, size, most int64) error {
	return fmt.Errorf("%s is %s long, more than the %s that are read of it", name, mebibytes(size), mebibytes(most))
}

// mebibytes is a size in words, rounded up.
func mebibytes(size int64) string { return fmt.Sprintf("%d MiB", (size+1<<20-1)>>20) }
