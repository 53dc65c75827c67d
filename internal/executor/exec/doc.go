// Package exec owns how a command runs on the worker's host: its
// environment, user, directory and process tree, how it is stopped, what is
// said of its end, and how much of its output is kept.
//
// Run never returns an error: whatever becomes of the command, also that it
// could not be started, is a run.Outcome. Bounded and Stream stand between
// the output and whoever stores it.
//
// The processes that descend from a command are its tree. When the command
// ends, is stopped, or the worker dies, nothing of its tree is left running: on
// Linux a keeper (package keeper) starts the commands and sees to that. A
// command that lingers is started by this process instead: what it leaves in
// the background when it ends, or when the worker dies, lives on; a stop and a
// timeout end its process group. A cgroup of its own,
// where there is cgroup v2, counts what the tree uses.
//
// Without a keeper (on other systems, and where none can be started, which is
// logged) this process starts commands itself. Then the tree is the process
// group and the cgroup; without a cgroup a process that calls setsid gets
// away, and only its hold on the run's output is cut. When the worker dies,
// Linux kills the command itself, and what it had started is killed from its
// cgroup when a worker of the same name comes back.
//
// The package must never import Kafka, the worker, or anything of Belfry
// but run and keeper: it knows commands, not where they come from.
package exec
