//go:build !linux

package exec

import "os"

func outputPipe() (own, child *os.File, err error) { return os.Pipe() }
