package exec

import "syscall"

// tree is a command with all that it started: a process group, whose number
// is the command's own, and the cgroup it was born in, if there are cgroups.
//
// A group's number is safe to use until the command is reaped; after that it
// is only as long as the group has members.
type tree struct {
	group  int
	cgroup *leaf
}

// terminate asks every process of the tree to end. Stopped ones are woken:
// they would not hear it otherwise.
func (t tree) terminate() {
	t.signalGroup(syscall.SIGTERM)
	t.signalGroup(syscall.SIGCONT)
	if t.cgroup == nil {
		return
	}
	for _, pid := range t.cgroup.pids() {
		if group, err := syscall.Getpgid(pid); err != nil || group == t.group {
			continue
		}
		_ = syscall.Kill(pid, syscall.SIGTERM)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// signalGroup sends s to the process group. Nobody left to hear it, or only
// processes that have become somebody else's, is no error.
func (t tree) signalGroup(s syscall.Signal) { _ = syscall.Kill(-t.group, s) }

// killGroup and killCgroup leave no process of theirs running.
func (t tree) killGroup() { t.signalGroup(syscall.SIGKILL) }

func (t tree) killCgroup() {
	if t.cgroup != nil {
		t.cgroup.kill()
	}
}

// empty reports whether nothing of the tree runs, once the command itself
// was reaped.
func (t tree) empty() bool {
	if t.cgroup != nil {
		return t.cgroup.empty()
	}
	return !groupRuns(t.group)
}
