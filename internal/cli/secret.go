package cli

import (
	"errors"
	"os"
	"slices"
	"strings"
)

// hiddenVariable and hiddenFlag are where a password may stand that
// commands of the same user must not read.
const (
	hiddenVariable = "BELFRY_SASL_PASSWORD"
	hiddenFlag     = "--sasl-password"
)

// hideSecrets takes a password that was given as a variable or a flag, and has
// been read, out of all that other processes can see of this one: children do
// not inherit it, /proc/PID/environ and cmdline no longer show it, and no
// process of the same user can read this one's memory. Root always can.
func hideSecrets(args []string) error {
	_, variable := os.LookupEnv(hiddenVariable)
	flag := slices.ContainsFunc(args, func(arg string) bool {
		return arg == hiddenFlag || strings.HasPrefix(arg, hiddenFlag+"=")
	})
	if !variable && !flag {
		return nil
	}
	// In this order: a process that is locked cannot write its own memory.
	return errors.Join(os.Unsetenv(hiddenVariable), blankStart(), lockMemory())
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
		case has && (name == hiddenVariable || name == hiddenFlag):
			found = append(found, [2]int{begin + len(name) + 1, end})
		}
		next = entry == hiddenFlag
		begin = end + 1
	}
	return found
}
