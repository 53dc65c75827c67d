package web

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestUpInABrowser drives the program that people start: its one-time URL lets
// in, a job is run, its output arrives while it runs, it is paused and resumed.
func TestUpInABrowser(t *testing.T) {
	b := newBrowser(t)
	once := startUp(t, `
jobs:
  - name: talk
    description: Says something now and then.
    command: for i in 1 2 3 4 5 6 7 8 9 10; do echo "line $i"; sleep 0.3; done
    timeout: 1m
`)
	p := b.open(t, "", looks()[0]) // closed before the server is, which it would complain of
	p.to(once)
	p.until(`location.pathname === "/"`)
	p.base = value[string](p, "location.origin")
	p.until(`document.querySelector(".health").innerText.includes("The job is well")`)

	p.to("/jobs/talk")
	p.click("button[value=run]")
	p.until(`location.pathname.startsWith("/runs/")`)
	p.until(`document.querySelector("#log")?.innerText.includes("line 3")`)
	require.NotContains(t, value[string](p, `document.querySelector("#log").innerText`), "line 10", "it is shown while it runs")
	p.until(`document.querySelector("#log").innerText.includes("line 10") && document.querySelector(".head .state").innerText === "succeeded"`)
	require.Empty(t, p.axe())
	p.forgive("status of 404") // the run was asked for before anybody knew of it

	p.to("/jobs/talk")
	p.click("button[value=pause]")
	p.until(`document.querySelector("button[value=resume]")`)
	p.click("button[value=resume]")
	p.until(`document.querySelector("button[value=pause]")`)

	p.to("/audit")
	text := value[string](p, `document.querySelector("main").innerText`)
	for _, action := range []string{"job.run", "job.pause", "job.resume"} {
		require.Contains(t, text, action)
	}
	p.to("/kafka")
	require.Contains(t, value[string](p, `document.querySelector("main").innerText`), "belfry.events")
	require.Empty(t, p.axe())
}

// startUp starts "belfry up" with a job file, and returns the URL that lets in.
func startUp(t *testing.T, jobs string) string {
	t.Helper()
	folder := t.TempDir()
	program, file := filepath.Join(folder, "belfry"), filepath.Join(folder, "jobs.yaml")
	build := exec.Command("go", "build", "-o", program, "../../cmd/belfry")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.NoError(t, os.WriteFile(file, []byte(jobs), 0o644))
	up := exec.Command(program, "up", "--jobs", file, "--dir", filepath.Join(folder, "data"), "--http", "127.0.0.1:0")
	said, err := up.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, up.Start())
	t.Cleanup(func() {
		require.NoError(t, up.Process.Signal(syscall.SIGTERM))
		_ = up.Wait() // ended by a signal or not: what counts was seen
	})
	once := regexp.MustCompile(`http://[^"\s]+/login/once[^"\s]+`)
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if url := once.FindString(lines.Text()); url != "" {
				found <- url
			}
		}
	}()
	select {
	case url := <-found:
		return url
	case <-time.After(2 * time.Minute):
		require.FailNow(t, "belfry up did not say where its pages are")
		return ""
	}
}
