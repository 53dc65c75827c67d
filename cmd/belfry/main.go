// Command belfry is a distributed cron on Apache Kafka.
package main

import (
	"os"
	_ "time/tzdata" // TZ is understood on hosts without zones; jobs have internal/tzdata

	"github.com/belfry-cron/belfry/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
