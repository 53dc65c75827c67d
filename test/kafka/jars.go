package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The versions there are POM files for. Latest runs without ZooKeeper,
// ZooKeeper is the last line that has it.
const (
	Latest    = "4.3.1"
	ZooKeeper = "3.9.2"
)

// ErrNotInstalled is wrapped when Java or Maven is missing.
var ErrNotInstalled = errors.New("not installed")

// Jars returns the folder with the jars of a version, fetched by Maven if it
// is not there yet.
func Jars(ctx context.Context, version string) (string, error) {
	pom := map[string]string{Latest: "pom.xml", ZooKeeper: "pom-zookeeper.xml"}[version]
	if pom == "" {
		return "", fmt.Errorf("unknown Kafka version %q: there are %s and %s", version, Latest, ZooKeeper)
	}
	home, err := home()
	if err != nil {
		return "", err
	}
	return fetch(ctx, home, filepath.Join(home, pom), version)
}

// fetch returns the folder of home with what a POM names, fetched by Maven if it
// is not there yet.
func fetch(ctx context.Context, home, pom, name string) (string, error) {
	libs := filepath.Join(home, "libs", name)
	unlock, err := lock(filepath.Join(home, "libs"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(libs); err == nil {
		return libs, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("Maven is %w: it fetches %s the first time (Debian: apt-get install maven)", ErrNotInstalled, name)
	}
	partial := libs + ".partial"
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "-f", pom,
		"dependency:copy-dependencies", "-DoutputDirectory="+partial)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetching %s with Maven: %w\n%s", name, err, output)
	}
	return libs, os.Rename(partial, libs)
}

// Agent returns the flag that has a Java process show its figures by the rules of
// deploy/jmx, with %s for the address, after Maven has fetched it if need be.
func Agent(ctx context.Context) (string, error) {
	home, err := home()
	if err != nil {
		return "", err
	}
	deploy := filepath.Join(home, "..", "..", "deploy", "jmx")
	libs, err := fetch(ctx, home, filepath.Join(deploy, "pom.xml"), "jmx")
	if err != nil {
		return "", err
	}
	jars, err := filepath.Glob(filepath.Join(libs, "jmx_prometheus_javaagent-*.jar"))
	if err != nil || len(jars) != 1 {
		return "", fmt.Errorf("%s should hold one jmx_prometheus_javaagent, and holds %d: remove the folder", libs, len(jars))
	}
	return "-javaagent:" + jars[0] + "=%s:" + filepath.Join(deploy, "kafka.yml"), nil
}

// lock keeps two processes from fetching at once.
func lock(dir string) (func(), error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", f.Name(), err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// home returns this package's folder, found from the working directory up.
func home() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		home := filepath.Join(dir, "test", "kafka")
		if _, err := os.Stat(filepath.Join(home, "pom.xml")); err == nil {
			return home, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("test/kafka/pom.xml not found: run this inside Belfry's source tree")
		}
		dir = parent
	}
}

// java returns the path of Java.
func java() (string, error) {
	path, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("Java is %w: Kafka needs 17 or later (Debian: apt-get install openjdk-17-jre-headless)", ErrNotInstalled)
	}
	return path, nil
}
