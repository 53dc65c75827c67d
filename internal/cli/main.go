package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/client"
	"github.com/belfry-cron/belfry/internal/keeper"
)

// grammar is the whole command line.
type grammar struct {
	Config    configPath `placeholder:"FILE" env:"BELFRY_CONFIG" predictor:"file" help:"Read settings from FILE (belfry.yaml in the current folder if there is one)."`
	LogLevel  string     `enum:"debug,info,warn,error" default:"info" env:"BELFRY_LOG_LEVEL" help:"Least level that is logged: ${enum}."`
	LogFormat string     `enum:"auto,text,json" default:"auto" env:"BELFRY_LOG_FORMAT" help:"Form of the log: ${enum}; auto is text on a terminal and json elsewhere."`
	Zones     string     `placeholder:"FILE|DIR" predictor:"file" env:"BELFRY_ZONES" help:"Read time zones from a zoneinfo.zip or a folder such as /usr/share/zoneinfo instead of those that Belfry carries; all members and commands should have the same."`

	Up        upCmd        `cmd:"" group:"roles" help:"Run everything in one process, with an embedded broker."`
	Scheduler schedulerCmd `cmd:"" group:"roles" help:"Run a scheduler."`
	Worker    workerCmd    `cmd:"" group:"roles" help:"Run a worker of one cluster."`
	Server    serverCmd    `cmd:"" group:"roles" help:"Serve pages and the API."`

	Apply    applyCmd    `cmd:"" group:"jobs" help:"Put the jobs of files into force."`
	Validate validateCmd `cmd:"" group:"jobs" help:"Check job files."`
	Next     nextCmd     `cmd:"" group:"jobs" help:"Show the next due times of jobs."`
	Plan     planCmd     `cmd:"" group:"jobs" help:"Show which due times a file would add, move or remove."`
	Import   importCmd   `cmd:"" group:"jobs" help:"Make a job file of cron tables or Kubernetes CronJobs."`
	Jobs     jobsCmd     `cmd:"" group:"jobs" help:"List the jobs in force."`
	Pause    pauseCmd    `cmd:"" group:"jobs" help:"Let a job skip its due times until it is resumed."`
	Resume   resumeCmd   `cmd:"" group:"jobs" help:"Undo a pause."`

	Run     runCmd     `cmd:"" group:"runs" help:"Run a job now."`
	Cancel  cancelCmd  `cmd:"" group:"runs" help:"Cancel a run, started or not."`
	Runs    runsCmd    `cmd:"" group:"runs" help:"List runs and how they went."`
	Logs    logsCmd    `cmd:"" group:"runs" help:"Show what a run wrote."`
	Explain explainCmd `cmd:"" group:"runs" help:"Say what became of each due time of a job, and why."`
	Dead    deadCmd    `cmd:"" group:"runs" help:"List, requeue or discard the runs that were given up."`

	Backfill backfillCmd `cmd:"" group:"runs" help:"Run due times of the past."`
	Notices  noticesCmd  `cmd:"" group:"runs" help:"List what people were told of jobs, or send a test."`

	Open       openCmd                   `cmd:"" group:"kafka" help:"Print a URL of the pages of a running \"belfry up\", good once."`
	Token      tokenCmd                  `cmd:"" group:"kafka" help:"Make, list or revoke tokens for servers."`
	Members    membersCmd                `cmd:"" group:"kafka" help:"Show schedulers and workers, and who owns what."`
	Topics     topicsCmd                 `cmd:"" group:"kafka" help:"Create, list or resize Belfry's topics."`
	ACLs       aclsCmd                   `cmd:"" name:"acls" group:"kafka" help:"Show or grant the least rights that a role needs."`
	Doctor     doctorCmd                 `cmd:"" group:"kafka" help:"Look for what is wrong, and say what to do."`
	Health     healthCmd                 `cmd:"" group:"kafka" help:"Ask a role on this host whether it does its work."`
	Version    versionCmd                `cmd:"" group:"kafka" help:"Show the version."`
	Completion kongcompletion.Completion `cmd:"" group:"kafka" help:"Show how to switch on completion for a shell."`

	doubts []error // about the settings file, for the log
}

const description = `Belfry is a distributed cron on Apache Kafka.

Settings come from flags, then BELFRY_* variables, then belfry.yaml, then defaults. "belfry up" needs no Kafka; every other command finds its broker by default.

Exit codes: 0 done, 1 failed, 2 wrong command line, settings or job file, 3 Kafka not reachable, 4 no such thing, 5 the run waited for did not succeed, 6 plan found a difference, 130 interrupted.`

// keeperWord is the subcommand that a worker starts for its commands. It is
// hidden, and comes before all others: a keeper reads no settings.
const keeperWord = "keeper"

// Main runs the command line args, without the program's name, and returns
// the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == keeperWord {
		return keeper.Main(args[1:], stderr)
	}
	var g grammar
	exited := -1
	k, err := parser(&g, stdout, stderr, func(code int) { exited = max(code, 0) })
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "belfry:", err)
		return exitFailed
	}
	if os.Getenv("COMP_LINE") != "" {
		kongcompletion.Register(k, kongcompletion.WithPredictor("file", complete.PredictFiles("*")))
		return exitOK
	}
	args = cloned(args)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := k.Parse(args)
	if exited >= 0 { // by --help
		return exited
	}
	if err != nil {
		return complain(&screen{w: stderr}, usageError(err))
	}
	ctx, stop := interruptible()
	defer stop()
	s := newSession(&g, stdout, stderr)
	defer s.progress.stop()
	if err := useZones(g.Zones); err != nil {
		return complain(s.err, usageError(err))
	}
	for _, doubt := range g.doubts {
		s.log.Warn("unsafe setting", "what", doubt)
	}
	if err := hideSecrets(args); err != nil {
		s.log.Warn("the commands of this user can read the password", "error", err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run(s)
	s.progress.stop()
	if exited >= 0 { // by completion
		return exited
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return complain(s.err, err)
}

// cloned copies arguments out of the memory that hideSecrets overwrites.
func cloned(args []string) []string {
	own := make([]string, 0, len(args))
	for _, arg := range args {
		own = append(own, strings.Clone(arg))
	}
	return own
}

func parser(g *grammar, stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(g,
		kong.Name("belfry"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "roles", Title: "Run Belfry:"},
			{Key: "jobs", Title: "Jobs:"},
			{Key: "runs", Title: "Runs:"},
			{Key: "kafka", Title: "The system:"},
			{Key: "server", Title: "A server instead of Kafka:"},
			{Key: "connection", Title: "Kafka:"},
		}),
		kong.Vars{"brokers": defaultListen, "http": defaultHTTP},
	)
}

// interruptible returns a context that the first SIGINT or SIGTERM ends; the
// second ends the process.
func interruptible() (context.Context, func()) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// complain tells the user what went wrong and returns the exit code for it.
func complain(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	code := exitCode(err)
	message := err.Error()
	if code == exitUnreachable && !errors.As(err, new(*client.UnreachableError)) && !errors.As(err, new(*client.ProblemError)) {
		message += "\n  --brokers or BELFRY_BROKERS says where Kafka is; \"belfry up\" brings its own."
	}
	if errors.As(err, new(*kgo.ErrFirstReadEOF)) {
		message += "\n  It seems that the broker wants SASL. That of \"belfry up\" has a secret in its data folder: " +
			"--sasl-mechanism SCRAM-SHA-256 --sasl-user belfry --sasl-password-file belfry-data/secret"
	}
	if _, list := asProblems(err); !list {
		message = indented(message)
	}
	if message != "" {
		_, _ = fmt.Fprintln(stderr, "belfry: "+strings.TrimSpace(message))
	}
	return code
}

// indented sets off all lines but the first: a text that an error quotes may
// hold line ends, and must not look like a message of its own.
func indented(message string) string {
	lines := strings.Split(message, "\n")
	for i, line := range lines[1:] {
		lines[i+1] = "  " + strings.TrimLeft(line, " ")
	}
	return strings.Join(lines, "\n")
}
