//go:build unix && !linux

package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Client is never made here.
type Client struct{}

// Start fails: a keeper needs a subreaper, which is a thing of Linux.
func Start(Options) (*Client, error) {
	return nil, fmt.Errorf("a keeper of commands needs Linux: %w", errors.ErrUnsupported)
}

// Command starts nothing.
func (*Client) Command(context.Context, Spec) (*Process, error) { return nil, errors.ErrUnsupported }

// Close closes nothing.
func (*Client) Close() error { return nil }

// Main is no keeper.
func Main(_ []string, stderr io.Writer) int {
	_, _ = fmt.Fprintln(stderr, "belfry: a keeper of commands needs Linux")
	return 1
}

// Seal does nothing: descriptors that the worker inherited reach its commands.
func Seal() error { return nil }
