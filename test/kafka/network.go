package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// ErrNotApart is wrapped when brokers cannot have networks of their own here.
var ErrNotApart = errors.New("no network namespaces")

// network is a switch that connects this host and each broker, each broker in a
// network namespace of its own. A namespace and its interfaces live as long as
// the process that holds it, and the kernel ends that process with this program:
// nothing is left behind.
type network struct {
	holders *processes
	subnet  string // its first three bytes: "198.18.7"
	hub     int    // the process that holds the switch
	spaces  []int  // those that hold the brokers' namespaces
}

// newNetwork makes a network for so many brokers. The output of its processes
// goes to the file log.
func newNetwork(ctx context.Context, brokers int, log string) (*network, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: they need root", ErrNotApart)
	}
	for _, program := range []string{"ip", "bridge", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w: %s is missing (Debian: apt-get install iproute2 util-linux)", ErrNotApart, program)
		}
	}
	w := &network{holders: newProcesses(false)}
	if err := w.make(ctx, brokers, log); err != nil {
		w.stop()
		return nil, fmt.Errorf("%w: %w", ErrNotApart, err)
	}
	return w, nil
}

func (w *network) make(ctx context.Context, brokers int, log string) error {
	for i := range brokers + 1 {
		cmd := exec.Command("sleep", "infinity")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		name := "namespace-" + strconv.Itoa(i)
		if err := w.holders.start(name, cmd, log); err != nil {
			return err
		}
		pid := w.holders.pids()[name]
		if i == 0 {
			w.hub = pid
		} else {
			w.spaces = append(w.spaces, pid)
		}
	}
	var err error
	if w.subnet, err = freeSubnet(); err != nil {
		return err
	}
	if err := w.ip(ctx, w.hub, "link add hub type bridge stp_state 0 forward_delay 0", "link set hub up"); err != nil {
		return err
	}
	if err := w.plug(ctx, 0, "belfry-"+w.subnet[strings.LastIndexByte(w.subnet, '.')+1:], 0); err != nil {
		return err
	}
	for i, space := range w.spaces {
		if err := w.plug(ctx, space, "eth0", i+1); err != nil {
			return err
		}
	}
	return nil
}

// plug connects a namespace, ours if space is 0, to the switch by an interface,
// as its nth. The hardware addresses of the others are fixed: packets to a host
// that is cut off are lost, and no error says that there is no such host.
func (w *network) plug(ctx context.Context, space int, name string, n int) error {
	target := space
	if space == 0 {
		target = os.Getpid()
	}
	port := w.port(n)
	err := w.ip(ctx, w.hub,
		fmt.Sprintf("link add %s type veth peer name %s address %s netns %d", port, name, w.mac(n), target),
		fmt.Sprintf("link set %s master hub", port),
		fmt.Sprintf("link set %s up", port),
	)
	if err != nil {
		return err
	}
	lines := []string{
		fmt.Sprintf("addr add %s/24 dev %s", w.address(n), name),
		fmt.Sprintf("link set %s up", name),
	}
	if space != 0 {
		lines = append(lines, "link set lo up")
	}
	for other := range len(w.spaces) + 1 {
		if other != n {
			lines = append(lines, fmt.Sprintf("neigh replace %s lladdr %s dev %s nud permanent", w.address(other), w.mac(other), name))
		}
	}
	return w.ip(ctx, space, lines...)
}

func (w *network) port(n int) string    { return "port-" + strconv.Itoa(n) }
func (w *network) address(n int) string { return w.subnet + "." + strconv.Itoa(n+1) }
func (w *network) mac(n int) string     { return fmt.Sprintf("02:be:1f:00:00:%02x", n+1) }

// place tells nodes where they are: brokers in their namespaces, ZooKeepers on
// this host.
func (w *network) place(keepers, brokers []*node) {
	for _, n := range keepers {
		n.host = w.address(0)
	}
	for i, n := range brokers {
		n.host, n.space = w.address(i+1), w.spaces[i]
	}
}

// cut has the switch forward nothing from and to broker i any more.
func (w *network) cut(ctx context.Context, i int) error { return w.forward(ctx, i, "0") } // disabled

// join undoes cut.
func (w *network) join(ctx context.Context, i int) error { return w.forward(ctx, i, "3") } // forwarding

func (w *network) forward(ctx context.Context, i int, state string) error {
	if w == nil {
		return ErrNotApart
	}
	cmd := within(w.hub, exec.CommandContext(ctx, "bridge", "link", "set", "dev", w.port(i+1), "state", state))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("setting a port of the switch: %w\n%s", err, out)
	}
	return nil
}

// ip runs iproute2 in the namespace that a process holds, in ours if that is
// 0, once for each line.
func (w *network) ip(ctx context.Context, space int, lines ...string) error {
	for _, line := range lines {
		cmd := exec.CommandContext(ctx, "ip", strings.Fields(line)...)
		if space != 0 {
			cmd = within(space, cmd)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w\n%s", line, err, out)
		}
	}
	return nil
}

func (w *network) stop() { w.holders.stop() }

// within returns the command that runs cmd in the network namespace that a
// process holds, under the same process ID.
func within(space int, cmd *exec.Cmd) *exec.Cmd {
	inside := exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", space), "--"}, cmd.Args...)...)
	inside.Dir = cmd.Dir
	return inside
}

// freeSubnet chooses one of the networks set aside for benchmarks (RFC 2544)
// that this host has no address in.
func freeSubnet() (string, error) {
	taken, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for range 100 {
		subnet := "198.18." + strconv.Itoa(1+rand.IntN(254))
		free := true
		for _, a := range taken {
			free = free && !strings.HasPrefix(a.String(), subnet+".")
		}
		if free {
			return subnet, nil
		}
	}
	return "", errors.New("no free network in 198.18.0.0/16")
}
