// Package keeper owns the processes of a worker's commands: a keeper is a
// small process, one per worker, that starts them, reaps them, and leaves
// none of them behind, with or without cgroups.
//
// A keeper is the worker's own program run again as a hidden subcommand
// (Main), so the two always speak the same protocol. A Client is the worker's
// side: it starts the keeper, has it start commands, and starts another when
// it dies.
//
// # What belongs to a command
//
// A keeper is a subreaper: whoever loses its parent below it becomes its
// child, an orphan, and cannot leave. To the tree of a command belong all that
// descend from its process, and the orphans that were its. An orphan is known
// to be a command's, in this order, by
//
//   - its process group, which is the command's;
//   - the variable BELFRY_TREE in the environment it was started with;
//   - the session or group it shares with an orphan that is known;
//   - having been seen among the command's descendants when it was stopped.
//
// An orphan of which nothing of this is true (it left the group, cleared its
// environment, and its parent is gone) is a stray. A stray may be of any
// command that was running when it was born, and is ended when the last of
// them has ended.
//
// # The states of a command
//
//	starting   its process is being made; the first answer is its number, or
//	           why there is none
//	running    until its process ends. Terminate asks the whole tree to end
//	           (SIGTERM), Kill kills it
//	ending     its process has ended. What is left of its tree is killed, or,
//	           if it was asked to end, has until Kill to do so
//	ended      nothing of its tree is left: the second and last answer
//
// A tree is frozen (SIGSTOP) from the top down before it is killed, so that
// no process forks its way out between being listed and being killed.
//
// # When somebody dies
//
// The worker, by whatever signal: its end of the socket closes. The keeper
// kills all that is below it at once and ends when nothing is left.
//
// The keeper: the kernel kills the processes it had started (they asked for
// that, PR_SET_PDEATHSIG; one that changes its user by a setuid program no
// longer does), and the Client kills whom BELFRY_TREE or the group gives away. The
// commands have ended with ErrLost by then. Without its keeper, a process that has
// left the group and cleared its environment gets away.
//
// Both at once: the kernel kills the commands' own processes, and the next
// Client of the same name the rest of what BELFRY_TREE gives away.
//
// # The protocol
//
// A stream socket, which the keeper inherits as descriptor 3. A frame is its
// length (4 bytes, little endian) and as many bytes: a kind and its fields.
// Descriptors travel with the first byte of the frame they belong to.
//
//	worker -> keeper   start      a number for the command, what to execute,
//	                              its three files and maybe its cgroup
//	                   terminate  ask the tree of that number to end
//	                   kill       end it by force
//	keeper -> worker   hello      ready, or why it never will be; the first
//	                   started    process number and time, or an errno
//	                   ended      wait status, usage, who could not be killed
//
// The worker makes the pipes and passes the ends that are the command's, so
// that no output goes through the keeper.
//
// # Bounds
//
// A frame holds at most maxFrame; what is longer the kernel would not execute
// either. A keeper has at most maxCommands at a time, of which at most
// maxStarting are being started; a command too many is refused with EAGAIN.
// A process that cannot be killed (it waits for a disk, or became another user's) is
// given up after killWithin, reported, and still reaped when it dies. A
// keeper that dies is followed by another after a wait that doubles from
// firstWait to mostWait.
//
// Of Linux it needs /proc with the lists of children (CONFIG_PROC_CHILDREN)
// and process descriptors (5.4). Elsewhere Start fails, and commands are
// started by the worker itself.
//
// The package must never import anything of Belfry: it knows processes, not
// what they are run for.
package keeper
