// Package observe runs what watches Belfry, as processes of this host: Prometheus
// and Alertmanager from Debian's packages, with the configuration of deploy/.
//
// It knows no test framework, so that the command in run/ can use it too.
package observe
