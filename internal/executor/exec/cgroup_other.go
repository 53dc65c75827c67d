//go:build unix && !linux

package exec

import (
	"errors"
	"time"
)

// cgroups and leaf are never made here.
type (
	cgroups struct{}
	leaf    struct{}
)

func openCgroups(string, *starter) (*cgroups, error) {
	return nil, errors.New("cgroups are a thing of Linux")
}

func (*cgroups) newLeaf(string) (*leaf, error) { return nil, errors.ErrUnsupported }
func (*cgroups) close() error                  { return nil }

func (*leaf) kill()                          {}
func (*leaf) empty() bool                    { return true }
func (*leaf) pids() []int                    { return nil }
func (*leaf) cpuTime() (time.Duration, bool) { return 0, false }
func (*leaf) peakMemory() (int64, bool)      { return 0, false }
func (*leaf) remove() error                  { return nil }
