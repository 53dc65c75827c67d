// Package app owns the roles a Belfry process can play and how each is put
// together: what is opened in which order, and closed in the reverse one.
//
// The wiring is straight-line code on purpose: to know what a role consists
// of, read its function from top to bottom. The package can be embedded: it
// never reads flags or the environment, handles signals or exits.
//
// It is the only package that knows both schedulers and workers; they must
// never know it.
package app
