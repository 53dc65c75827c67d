package kafkatest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// node is one process of a cluster: what to run and where it listens.
type node struct {
	name  string // "broker-1"
	dir   string // its configuration, data and log
	heap  string
	class string
	file  string // its configuration file
	host  string // the address it listens at
	space int    // the process whose network namespace it is in; 0 for ours
	port  int    // clients connect here
	peers []int  // its other ports

	// exporter is the port where it shows its figures; 0: nowhere.
	exporter int
}

// keeperClass is what a ZooKeeper runs.
const keeperClass = "org.apache.zookeeper.server.quorum.QuorumPeerMain"

func (n *node) exporterAddress() string { return n.host + ":" + strconv.Itoa(n.exporter) }

// address is where clients connect.
func (n *node) address() string { return n.host + ":" + strconv.Itoa(n.port) }

// plan lays a cluster out: addresses, folders, configuration files. net is nil
// unless brokers are apart.
func plan(o Options, net *network) ([]*node, error) {
	var nodes []*node
	var keepers []*node
	if o.Version == ZooKeeper {
		for i := 1; i <= o.Brokers; i++ {
			keepers = append(keepers, &node{
				name: fmt.Sprintf("zookeeper-%d", i), heap: "128m",
				class: keeperClass, peers: make([]int, 2),
			})
		}
	}
	for i := 1; i <= o.Brokers; i++ {
		nodes = append(nodes, &node{name: fmt.Sprintf("broker-%d", i), heap: "512m", class: "kafka.Kafka", peers: make([]int, 1)})
	}
	all := append(keepers, nodes...)
	for _, n := range all {
		n.host = "127.0.0.1"
	}
	if net != nil {
		net.place(keepers, nodes)
	}
	if err := choosePorts(all, o.Watched); err != nil {
		return nil, err
	}
	for _, n := range all {
		n.dir = filepath.Join(o.Dir, n.name)
		if err := os.MkdirAll(filepath.Join(n.dir, "data"), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(n.dir, "log4j.properties"), []byte(log4j(o.Version)), 0o644); err != nil {
			return nil, err
		}
	}
	for i, n := range keepers {
		if err := n.writeKeeper(i+1, keepers); err != nil {
			return nil, err
		}
	}
	for i, n := range nodes {
		if err := n.write("server.properties", broker(o, i+1, nodes, keepers)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// choosePorts takes free ports from below the range the kernel gives to
// outgoing connections, so that a killed broker finds its own free again.
func choosePorts(nodes []*node, watched bool) error {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	free := func() (int, error) {
		for range 1000 {
			port := 20000 + rand.IntN(12000)
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
			if err == nil {
				held = append(held, l)
				return port, nil
			}
		}
		return 0, fmt.Errorf("no free port between 20000 and 32000")
	}
	for _, n := range nodes {
		var err error
		if n.port, err = free(); err != nil {
			return err
		}
		if watched {
			if n.exporter, err = free(); err != nil {
				return err
			}
		}
		for i := range n.peers {
			if n.peers[i], err = free(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *node) write(name, content string) error {
	n.file = filepath.Join(n.dir, name)
	return os.WriteFile(n.file, []byte(content), 0o644)
}

func (n *node) writeKeeper(id int, keepers []*node) error {
	var b strings.Builder
	fmt.Fprintf(&b, "dataDir=%s\nclientPortAddress=%s\nclientPort=%d\n", filepath.Join(n.dir, "data"), n.host, n.port)
	b.WriteString("tickTime=1000\ninitLimit=20\nsyncLimit=10\nmaxClientCnxns=0\nadmin.enableServer=false\n")
	if n.exporter > 0 {
		b.WriteString("metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider\n")
		fmt.Fprintf(&b, "metricsProvider.httpHost=%s\nmetricsProvider.httpPort=%d\n", n.host, n.exporter)
	}
	for i, k := range keepers {
		fmt.Fprintf(&b, "server.%d=%s:%d:%d\n", i+1, k.host, k.peers[0], k.peers[1])
	}
	if err := os.WriteFile(filepath.Join(n.dir, "data", "myid"), []byte(strconv.Itoa(id)), 0o644); err != nil {
		return err
	}
	return n.write("zoo.cfg", b.String())
}

// broker returns server.properties. What differs from Kafka's defaults keeps
// a small machine's start short; nothing changes how transactions, elections
// or groups behave once running, except that shorter sessions are allowed and,
// unless Options say otherwise, brokers have them.
func broker(o Options, id int, brokers, keepers []*node) string {
	n := brokers[id-1]
	replicas := min(3, len(brokers))
	lines := []string{
		"log.dirs=" + filepath.Join(n.dir, "data"),
		"auto.create.topics.enable=false",
		"num.partitions=8",
		"offsets.topic.num.partitions=8",
		"transaction.state.log.num.partitions=8",
		"share.coordinator.state.topic.num.partitions=8",
		"group.min.session.timeout.ms=2000",
		"group.initial.rebalance.delay.ms=0",
		"num.network.threads=2",
		"num.io.threads=4",
		fmt.Sprintf("default.replication.factor=%d", replicas),
		fmt.Sprintf("offsets.topic.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.replication.factor=%d", replicas),
		fmt.Sprintf("transaction.state.log.min.isr=%d", max(1, replicas-1)),
		fmt.Sprintf("share.coordinator.state.topic.replication.factor=%d", replicas),
		fmt.Sprintf("share.coordinator.state.topic.min.isr=%d", max(1, replicas-1)),
	}
	if len(keepers) > 0 {
		addresses := make([]string, len(keepers))
		for i, k := range keepers {
			addresses[i] = k.address()
		}
		lines = append(lines,
			fmt.Sprintf("broker.id=%d", id),
			"listeners=PLAINTEXT://"+n.address(),
			"zookeeper.connect="+strings.Join(addresses, ","),
			"zookeeper.connection.timeout.ms=30000",
		)
		if !o.DefaultTimeouts {
			lines = append(lines, "zookeeper.session.timeout.ms=6000")
		}
		return strings.Join(lines, "\n") + "\n"
	}
	voters := make([]string, len(brokers))
	for i, b := range brokers {
		voters[i] = fmt.Sprintf("%d@%s:%d", i+1, b.host, b.peers[0])
	}
	lines = append(lines,
		fmt.Sprintf("node.id=%d", id),
		"process.roles=broker,controller",
		fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s:%d", n.address(), n.host, n.peers[0]),
		"advertised.listeners=PLAINTEXT://"+n.address(),
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"controller.listener.names=CONTROLLER",
		"controller.quorum.voters="+strings.Join(voters, ","),
	)
	if !o.DefaultTimeouts {
		lines = append(lines, "broker.session.timeout.ms=6000")
	}
	if len(o.Users) > 0 {
		lines = append(lines, authorized(n, o.Users)...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// authorized replaces what clients and brokers connect to by what asks who they
// are, and refuses what nobody granted. Controllers among themselves are nobody,
// and may.
func authorized(n *node, users []string) []string {
	var login strings.Builder
	fmt.Fprintf(&login, "org.apache.kafka.common.security.plain.PlainLoginModule required username=%[1]q password=%[1]q user_%[1]s=%[1]q", Admin)
	for _, user := range users {
		fmt.Fprintf(&login, " user_%[1]s=%[1]q", user)
	}
	return []string{
		fmt.Sprintf("listeners=SASL_PLAINTEXT://%s,CONTROLLER://%s:%d", n.address(), n.host, n.peers[0]),
		"advertised.listeners=SASL_PLAINTEXT://" + n.address(),
		"listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name=SASL_PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN",
		"sasl.mechanism.inter.broker.protocol=PLAIN",
		"listener.name.sasl_plaintext.plain.sasl.jaas.config=" + login.String() + ";",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users=User:ANONYMOUS;User:" + Admin,
	}
}

// log4j returns the logging configuration: all to standard output, which the
// cluster collects in one file per process.
func log4j(version string) string {
	if version == ZooKeeper {
		return "log4j.rootLogger=INFO, out\n" +
			"log4j.appender.out=org.apache.log4j.ConsoleAppender\n" +
			"log4j.appender.out.layout=org.apache.log4j.PatternLayout\n" +
			"log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n\n"
	}
	return "rootLogger.level=info\nrootLogger.appenderRef.out.ref=out\n" +
		"appender.out.type=Console\nappender.out.name=out\n" +
		"appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=%d %p %m (%c)%n\n"
}
