package cli_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // as in main

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/belfry-cron/belfry/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"belfry": func() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScript runs the scripts under testdata/script against the real binary.
// Each has a folder and an address for a broker of its own.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			addr, err := freeAddr()
			if err != nil {
				return err
			}
			env.Setenv("BELFRY_LISTEN", addr)
			env.Setenv("BELFRY_BROKERS", addr)
			metrics, err := freeAddr()
			if err != nil {
				return err
			}
			env.Setenv("METRICS", metrics)
			server, err := freeAddr()
			if err != nil {
				return err
			}
			env.Setenv("SERVER", server)
			env.Setenv("TZ", "UTC")
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home")) // where word of a secret is left
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":     await,
			"until-not": untilNot,
			"capture":   capture,
			"get":       get,
			"status":    status,
		},
	})
}

// freeAddr returns an address that was free a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitLimit is how long an await goes on: far beyond what anything takes on
// an idle machine, since those that build and test are not.
const awaitLimit = time.Minute

// await runs a command again and again until it succeeds and its standard
// output matches:
//
//	await COMMAND ARG... -- REGEXP
func await(ts *testscript.TestScript, neg bool, args []string) {
	split := slices.Index(args, "--")
	if neg || split < 1 || split != len(args)-2 {
		ts.Fatalf("usage: await COMMAND ARG... -- REGEXP")
	}
	until(ts, args[split+1], func() (string, error) {
		err := ts.Exec(args[0], args[1:split]...)
		return ts.ReadFile("stdout"), err
	})
}

// untilNot runs a command again and again until it fails:
//
//	until-not COMMAND ARG...
func untilNot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until-not COMMAND ARG...")
	}
	until(ts, "failed", func() (string, error) {
		failed := ts.Exec(args[0], args[1:]...) != nil
		return map[bool]string{true: "failed"}[failed], nil
	})
}

// capture runs a command once and keeps the first group of what matches in
// its standard output:
//
//	capture VARIABLE COMMAND ARG... -- REGEXP
func capture(ts *testscript.TestScript, neg bool, args []string) {
	split := slices.Index(args, "--")
	if neg || split < 2 || split != len(args)-2 {
		ts.Fatalf("usage: capture VARIABLE COMMAND ARG... -- REGEXP")
	}
	ts.Check(ts.Exec(args[1], args[2:split]...))
	found := regexp.MustCompile("(?m)" + args[split+1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("no match for %s in:\n%s", args[split+1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[1])
}

// get asks a URL until it answers with success and what matches:
//
//	get URL REGEXP
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get URL REGEXP")
	}
	until(ts, args[1], func() (string, error) {
		answer, err := http.Get(args[0])
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %s", answer.Status)
		}
		return string(body), errors.Join(err, answer.Body.Close())
	})
}

// until asks until the answer matches.
func until(ts *testscript.TestScript, pattern string, ask func() (string, error)) {
	want, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	limit := time.After(awaitLimit)
	for {
		answer, err := ask()
		if err == nil && want.MatchString(answer) {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-limit:
			ts.Fatalf("no match for %s within %s; the last answer (%v) was:\n%s", want, awaitLimit, err, answer)
		}
	}
}

// status runs a command that must end with the given exit code:
//
//	status CODE COMMAND ARG...
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("%s ended with %s, not with exit status %s", args[1], fmt.Sprint(got), args[0])
	}
}
