package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/test/site"
)

// pythonVariable names the folder with openapi-python-client and schemathesis.
const pythonVariable = "BELFRY_TEST_PYTHON"

// tool is a program of that folder; without it nothing is tested.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(os.Getenv(pythonVariable), name)
	if _, err := os.Stat(path); os.Getenv(pythonVariable) == "" || err != nil {
		t.Skipf("NOTHING WAS TESTED: %s is not there. python3 -m venv venv && venv/bin/pip install "+
			"openapi-python-client==0.29.1 schemathesis==4.32.5 ruff, and %s=venv/bin", name, pythonVariable)
	}
	return path
}

// world is a Belfry with a server beside it.
type world struct {
	t      *testing.T
	dir    string
	belfry string
	env    []string
	url    string
	token  string
}

const jobs = `
jobs:
  - name: backup
    command: echo done
  - name: often
    schedule: "@every 20s"
    command: exit 3
    env: {KEY: s3cret}
`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	var err error
	w.belfry, err = site.Binary(t.Context(), w.dir)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "jobs.yaml"), []byte(jobs), 0o600))
	broker, serving := freeAddr(t), freeAddr(t)
	w.url = "http://" + serving
	w.env = append(os.Environ(), "HOME="+w.dir, "BELFRY_BROKERS="+broker)
	w.start("up", "--listen", broker, "--http", "", "--jobs", "jobs.yaml", "--dir", "data", "-q")
	w.until(func() bool { return w.command("jobs").Run() == nil })
	w.start("server", "--http", serving, "--data", "server", "--name", "server")
	made, err := w.command("token", "create", "test", "--role", "admin").Output()
	require.NoError(t, err)
	w.token = strings.TrimSpace(string(made))
	w.until(func() bool {
		a, err := http.Get(w.url + "/readyz")
		if err != nil {
			return false
		}
		_ = a.Body.Close() // only the status is wanted
		return a.StatusCode == http.StatusOK
	})
	return w
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func (w *world) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(w.t.Context(), w.belfry, args...)
	c.Dir, c.Env = w.dir, w.env
	return c
}

// start starts a role, which ends with the test.
func (w *world) start(args ...string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	c := exec.CommandContext(ctx, w.belfry, args...)
	c.Dir, c.Env = w.dir, w.env
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 30 * time.Second
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	require.NoError(w.t, c.Start())
	w.t.Cleanup(func() {
		cancel()
		_ = c.Wait() // it was interrupted
		if w.t.Failed() {
			w.t.Log(log.String())
		}
	})
}

func (w *world) until(come func() bool) {
	w.t.Helper()
	require.Eventually(w.t, come, time.Minute, 100*time.Millisecond)
}

// document fetches what describes the API.
func (w *world) document() string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/api/v1/openapi.json", nil)
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+w.token)
	a, err := new(http.Client).Do(r)
	require.NoError(w.t, err)
	body, err := io.ReadAll(a.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, a.Body.Close())
	path := filepath.Join(w.dir, "openapi.json")
	require.NoError(w.t, os.WriteFile(path, body, 0o600))
	return path
}

// run runs a program to its end, which has to be a good one.
func (w *world) run(env []string, name string, args ...string) string {
	w.t.Helper()
	c := exec.CommandContext(w.t.Context(), name, args...)
	c.Dir, c.Env = w.dir, append(w.env, env...)
	out, err := c.CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	return string(out)
}

// TestAClientIsGenerated runs a job by the client that is made of the document.
func TestAClientIsGenerated(t *testing.T) {
	generator := tool(t, "openapi-python-client")
	w := newWorld(t)
	said := w.run(nil, generator, "generate", "--path", w.document(), "--output-path", "client", "--meta", "none", "--overwrite")
	require.NotContains(t, said, "ERROR")
	client := filepath.Join(w.dir, "lib")
	require.NoError(t, os.MkdirAll(client, 0o700))
	require.NoError(t, os.Rename(filepath.Join(w.dir, "client"), filepath.Join(client, "belfry_client")))
	example, err := filepath.Abs("../../examples/client-python/example.py")
	require.NoError(t, err)
	out := w.run([]string{"PYTHONPATH=" + client, "BELFRY_SERVER=" + w.url, "BELFRY_TOKEN=" + w.token},
		filepath.Join(os.Getenv(pythonVariable), "python"), example, "backup")
	require.Contains(t, out, "succeeded")
}

// TestSchemathesisFindsNothing: no answer but those that the document describes.
// That a valid body is accepted is not asked: that a job exists, and which
// version was seen, no schema can say.
func TestSchemathesisFindsNothing(t *testing.T) {
	st := tool(t, "schemathesis")
	w := newWorld(t)
	out := w.run(nil, st, "run", w.document(), "--url", w.url+"/api/v1", "-H", "Authorization: Bearer "+w.token,
		"--exclude-checks", "positive_data_acceptance", "--exclude-operation-id", "follow-events", "--exclude-operation-id", "get-logs",
		"--exclude-operation-id", "revoke-token", "--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--rate-limit", "40/s", "-w", "1", "--seed", "1")
	require.Contains(t, out, "No issues found", fmt.Sprint(out))
}
