package cli

import (
	"errors"
	"os"
	"slices"
	"strings"
)

// hiddenVariables and hiddenFlags are where a password or a token may stand
// that commands of the same user must not read.
func hiddenVariables() []string { return []string{"BELFRY_SASL_PASSWORD", "BELFRY_TOKEN"} }

func hiddenFlags() []string { return []string{"--sasl-password", "--token"} }

// hideSecrets takes a password that was given as a variable or a flag, and has
// been read, out of all that other processes can see of this one: children do
// not inherit it, /proc/PID/environ and cmdline no longer show it, and no
// process of the same user can read this one's memory. Root always can.
func hideSecrets(args []string) error {
	given := slices.ContainsFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains(hiddenFlags(), name)
	})
	var failed error
	for _, name := range hiddenVariables() {
		if _, set := os.LookupEnv(name); set {
			given = true
			failed = errors.Join(failed, os.Unsetenv(name))
		}
	}
	if !given {
		return nil
	}
	// In this order: a process that is locked cannot write its own memory.
	return errors.Join(failed, blankStart(), lockMemory())
}

// blanks returns where in block, the arguments and the environment as the
// kernel keeps them, the bytes of passwords stand: pairs of begin and end.
func blanks(block []byte) [][2]int {
	var found [][2]int
	begin, next := 0, false
	for entry := range strings.SplitSeq(string(block), "\x00") {
		end := begin + len(entry)
		switch name, _, has := strings.Cut(entry, "="); {
		case next:
			found = append(found, [2]int{begin, end})
		case has && (slices.Contains(hiddenVariables(), name) || slices.Contains(hiddenFlags(), name)):
			found = append(found, [2]int{begin + len(name) + 1, end})
		}
		next = slices.Contains(hiddenFlags(), entry)
		begin = end + 1
	}
	return found
}
