// Package api owns the HTTP API under /api/v1: JSON, described by an OpenAPI 3.1
// document that is made of the same types (openapi.json), and a page for people
// (page.go).
//
// Lists and details come from the read model (package history), which lags
// behind Kafka by what Progress says. What a schedule will do is computed.
// Answers to the command line (states.go) are read from Kafka by package query, so
// that both ways answer alike. Changes go through package steer.
//
// Every operation names the role it needs (route); what lies outside the scope
// of the principal is left out, or is not found (sight.go). Whoever may not edit
// jobs sees the names of their variables, and not the values.
//
// Errors are problem documents (RFC 9457) that name the field and what would be
// right. A job has an ETag, and is changed only with If-Match or If-None-Match.
//
// The bounds: a body takes 1 MiB, a set of jobs 64 MiB; a page holds 500 rows; a
// bulk change 1,000 dead letters; a stream ends when its reader is too slow, and
// is resumed with Last-Event-ID.
//
// It must never import the packages of schedulers and workers, app or web.
package api
