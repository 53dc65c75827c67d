package cli_test

import (
	"fmt"
	"net"
	"os"
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
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":  await,
			"status": status,
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
	want, err := regexp.Compile("(?m)" + args[split+1])
	ts.Check(err)
	limit := time.After(awaitLimit)
	for {
		err := ts.Exec(args[0], args[1:split]...)
		out := ts.ReadFile("stdout")
		if err == nil && want.MatchString(out) {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-limit:
			ts.Fatalf("no match for %s within %s; the last answer (%v) was:\n%s%s", want, awaitLimit, err, out, ts.ReadFile("stderr"))
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
