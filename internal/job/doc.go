// Package job owns what a user writes: a job, the files it comes from
// (YAML and crontab), its defaults and its validation.
//
// It is pure: bytes in, validated jobs or positioned errors out. It must
// never import a clock, a context, the network, a lock, a random source or
// any package of Belfry other than schedule.
package job
