//go:build unix && !linux

package exec

import (
	"errors"
	"os"
	"time"
)

// cgroups and leaf are never made here.
type (
	cgroups struct{}
	leaf    struct{}
)

func openCgroups(string, host) (*cgroups, error) {
	return nil, errors.New("cgroups are a thing of Linux")
}

func (*cgroups) take() (*leaf, error) { return nil, errors.ErrUnsupported }
func (*cgroups) giveBack(*leaf) error { return nil }
func (*cgroups) close() error         { return nil }

func (*leaf) file() *os.File                 { return nil }
func (*leaf) kill()                          {}
func (*leaf) empty() bool                    { return true }
func (*leaf) pids() []int                    { return nil }
func (*leaf) cpuTime() (time.Duration, bool) { return 0, false }
func (*leaf) peakMemory() (int64, bool)      { return 0, false }
