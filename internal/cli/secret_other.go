//go:build !linux

package cli

// lockMemory has nothing to do: no /proc shows a process's memory.
func lockMemory() error { return nil }

// blankStart has nothing to do: no /proc shows a process's environment.
func blankStart() error { return nil }
