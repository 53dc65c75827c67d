// Command belfry is a distributed cron on Apache Kafka.
package main

import (
	"os"
	_ "time/tzdata" // the same zones on every host, whatever it has installed

	"github.com/belfry-cron/belfry/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
