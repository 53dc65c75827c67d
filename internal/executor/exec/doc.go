// Package exec owns how a command runs on the worker's host: its
// environment, user, directory and process tree, how it is stopped, what is
// said of its end, and how much of its output is kept.
//
// Run never returns an error: whatever becomes of the command, also that it
// could not be started, is a run.Outcome. Bounded and Stream stand between
// the output and whoever stores it.
//
// What a command starts is its tree: its process group and, on Linux with
// cgroup v2, its own cgroup, which holds also those that left the group.
// When the command ends, or is stopped, nothing of its tree is left running.
// Without a cgroup a process that calls setsid gets away, and only its hold
// on the run's output is cut.
//
// On Linux the command is also killed by the kernel when the worker dies
// without a word, and what it had started is killed from its cgroup when a
// worker of the same name comes back. Other systems have neither.
//
// The package must never import Kafka, the worker, or anything of Belfry
// but run: it knows commands, not where they come from.
package exec
