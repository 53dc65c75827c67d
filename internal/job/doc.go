// Package job owns what a user writes: a job, the files it comes from
// (YAML and crontab), its defaults and its validation.
//
// A file goes through three hands. source.go makes text of bytes; yaml.go
// and tree.go (or crontab.go) make drafts of text, a draft being a job that
// remembers where each of its fields was written; check.go finds what is
// wrong with a job, the same for one from a file and one from a record, and
// the draft turns that into a Problem with a line and a column. Defaults are
// in defaults.go, limits with their reasons in limits.go.
//
// It is pure: bytes in, validated jobs or positioned errors out. It must
// never import a clock, a context, the network, a lock, a random source or
// any package of Belfry other than schedule and tzdata.
package job
