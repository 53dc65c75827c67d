// Package cli owns the command line: one file per subcommand with its options
// and its Run, the settings they share, and how answers look. It is the only
// reader of flags, of the environment, of belfry.yaml and of signals.
//
// Settings come from flags, then BELFRY_* variables, then belfry.yaml, then
// defaults. The exit codes are part of the interface:
//
//	0    done
//	1    failed
//	2    the command line, a settings file or a job file is wrong
//	3    Kafka is not reachable
//	4    what was named does not exist (or names more than one thing)
//	5    the run that was waited for did not succeed
//	6    plan found that the files differ from what is in force
//	130  interrupted before the answer was complete
//
// It holds no decision of the system: it must never be imported by another
// package than main.
package cli
