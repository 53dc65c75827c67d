module github.com/belfry-cron/belfry/test/bench/schedule

go 1.26.0

replace github.com/belfry-cron/belfry => ../../..

require (
	github.com/adhocore/gronx v1.20.4
	github.com/belfry-cron/belfry v0.0.0
	github.com/hashicorp/cronexpr v1.1.3
	github.com/netresearch/go-cron v0.9.1
	github.com/reugn/go-quartz v0.15.2
	github.com/robfig/cron/v3 v3.0.1
)
