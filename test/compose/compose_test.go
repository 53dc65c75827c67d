// Package compose runs deploy/compose on a real container engine: jobs fire while a
// scheduler and a broker are killed, and each due time has its one run.
package compose

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// make test-compose sets the command of Compose; BELFRY_TEST_PROFILE=small is for
// machines that bear no three brokers.
const (
	composeVariable = "BELFRY_TEST_COMPOSE"
	profileVariable = "BELFRY_TEST_PROFILE"
)

// jobs holds one that fires every second.
const jobs = `clusters: [cluster-a, cluster-b]
jobs:
  - name: a
    schedule: "* * * * * *"
    seconds: true
    cluster: cluster-a
    catch_up: {policy: all, window: 10m}
    command: echo a
`

// project is one running compose file.
type project struct {
	t         *testing.T
	command   []string
	env       []string
	scheduler string // the one that is killed
	asked     string // the one that is asked
	broker    string
}

func TestNothingIsLost(t *testing.T) {
	p := newProject(t)
	began := time.Now()
	p.compose(5*time.Minute, "up", "-d")
	p.await(3*time.Minute, "a first run", func() bool { return len(p.dues()) > 0 })
	t.Logf("from up to a first run: %.0f s", time.Since(began).Seconds())
	p.awaitRuns(5)

	p.compose(time.Minute, "kill", "-s", "KILL", p.scheduler)
	if p.scheduler != p.asked {
		p.awaitRuns(5)
	}
	p.compose(time.Minute, "kill", "-s", "KILL", p.broker)
	p.compose(2*time.Minute, "up", "-d")
	p.awaitRuns(10)
	p.judge()
}

func newProject(t *testing.T) *project {
	text := os.Getenv(composeVariable)
	if text == "" {
		t.Skip("make test-compose runs it")
	}
	command := strings.Fields(text)
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skipf("\nNOTHING WAS TESTED: %s is not installed (Debian: apt-get install docker.io docker-compose)", command[0])
	}
	if out, err := exec.CommandContext(t.Context(), "docker", "version").CombinedOutput(); err != nil {
		t.Skipf("\nNOTHING WAS TESTED: no Docker engine answers; DOCKER_HOST names one\n%s", out)
	}
	for _, image := range []string{"kafka", "scheduler", "worker", "server"} {
		if err := exec.CommandContext(t.Context(), "docker", "image", "inspect", "belfry/"+image+":dev").Run(); err != nil {
			t.Skipf("\nNOTHING WAS TESTED: there is no image belfry/%s:dev; make images or make images-local builds it", image)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "jobs.yaml")
	require.NoError(t, os.WriteFile(file, []byte(jobs), 0o644))
	p := &project{t: t, scheduler: "scheduler-1", asked: "scheduler-2", broker: "kafka-2"}
	profile := os.Getenv(profileVariable)
	switch profile {
	case "":
		profile = "full"
	case "small":
		p.scheduler, p.asked, p.broker = "scheduler", "scheduler", "kafka"
	}
	secret := "../../deploy/compose/secrets/session-key"
	if _, err := os.Stat(secret); err != nil {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		require.NoError(t, os.WriteFile(secret, key, 0o644))
	}
	p.command = append(command, "-p", fmt.Sprintf("belfry-test-%d", os.Getpid()), "-f", "../../deploy/compose/compose.yaml", "--profile", profile)
	p.env = append(os.Environ(), "TAG=dev", "JOBS="+file)
	for _, port := range []string{"PORT_KAFKA", "PORT_KAFKA_1", "PORT_KAFKA_2", "PORT_KAFKA_3", "PORT_SERVER"} {
		p.env = append(p.env, fmt.Sprintf("%s=%d", port, freePort(t)))
	}
	t.Cleanup(p.down)
	return p
}

// down shows what went wrong, and removes everything.
func (p *project) down() {
	if p.t.Failed() {
		for _, args := range [][]string{{"ps"}, {"logs", "--no-color", "--tail", "15"}} {
			out, _ := p.try(context.Background(), time.Minute, args...)
			p.t.Logf("%s:\n%s", args[0], out)
		}
	}
	if out, err := p.try(context.Background(), 3*time.Minute, "down", "-v", "-t", "5"); err != nil {
		p.t.Errorf("down: %v\n%s", err, out)
	}
}

func (p *project) try(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.command[0], append(append([]string{}, p.command[1:]...), args...)...)
	cmd.Env = p.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}

func (p *project) compose(limit time.Duration, args ...string) {
	p.t.Helper()
	out, err := p.try(p.t.Context(), limit, args...)
	require.NoError(p.t, err, "%v: %s", args, out)
}

func (p *project) await(limit time.Duration, what string, done func() bool) {
	p.t.Helper()
	require.Eventually(p.t, done, limit, time.Second, "waiting for %s", what)
}

// entry is a due time of the ledger.
type entry struct {
	Due time.Time `json:"due"`
	Run *struct {
		State string `json:"state"`
	} `json:"run"`
	Skip *struct {
		Reason string `json:"reason"`
	} `json:"skip"`
}

// dues is what became of each due time, none while nobody answers.
func (p *project) dues() []entry {
	out, err := p.try(p.t.Context(), 30*time.Second, "exec", "-T", p.asked, "/usr/bin/belfry", "explain", "a", "-n", "0", "-o", "json")
	if err != nil {
		return nil
	}
	var all []entry
	if json.Unmarshal([]byte(out), &all) != nil {
		return nil
	}
	var known []entry
	for _, e := range all {
		if e.Run != nil || e.Skip != nil {
			known = append(known, e)
		}
	}
	return known
}

// awaitRuns waits until so many more runs have succeeded.
func (p *project) awaitRuns(more int) {
	p.t.Helper()
	had := -1
	p.await(3*time.Minute, "runs", func() bool {
		succeeded := 0
		for _, e := range p.dues() {
			if e.Run != nil && e.Run.State == "succeeded" {
				succeeded++
			}
		}
		if had < 0 && succeeded > 0 {
			had = succeeded
		}
		return had >= 0 && succeeded >= had+more
	})
}

// judge: from the first due time to the last that ended, each second has a run, and
// each run one attempt that succeeded.
func (p *project) judge() {
	all := p.dues()
	require.NotEmpty(p.t, all)
	seen := map[time.Time]int{}
	first, last := all[0].Due, all[0].Due
	for _, e := range all {
		require.Nil(p.t, e.Skip, "%s was skipped", e.Due)
		if e.Run.State != "succeeded" {
			continue // still under way
		}
		seen[e.Due]++
		if e.Due.Before(first) {
			first = e.Due
		}
		if e.Due.After(last) {
			last = e.Due
		}
	}
	for due := first; !due.After(last); due = due.Add(time.Second) {
		require.Equal(p.t, 1, seen[due], "runs of %s", due)
	}
	p.t.Logf("%d due times, each with one run that succeeded", len(seen))
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}
