// Package steer owns what people change: jobs (put.go, apply.go), and what they
// ask of the shard of a job (ask.go, backfill.go), and tokens (token.go). There is no second way to write a job or
// a request: pages, API, the command line and the job file source all come
// here.
//
// Each change takes the principal and asks its role and scope, so that no caller
// can forget it, and leaves an audit record.
//
// A job is put or deleted in a transaction under the transactional ID of its
// shard's editors, with its audit record. A later editor fences an earlier one,
// so that of two that saw the same version, exactly one succeeds. Job files
// decide whatever was edited before: they take part in no such transaction.
//
// It must never import the packages of schedulers and workers, HTTP, or the read
// model.
package steer
