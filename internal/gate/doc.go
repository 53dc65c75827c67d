// Package gate owns how an HTTP request becomes a principal (gate.go): tokens
// (tokens.go), sessions (session.go), the one-time URL of "belfry up" (once.go)
// and OIDC (oidc.go); and what is refused before any handler sees it: another
// Host, another origin (place.go), too many requests or failed logins
// (limit.go).
//
// A handler behind Gate.Wrap finds the principal with access.Of. A request for a
// page without one is sent to LoginPath, which package web draws with what
// Gate.Logins says; a request for the API gets 401 as a problem document.
//
// The bounds: a session lasts 12 hours, that of "up" 30 days, and ends with its
// token. An address has 10 failed logins, then one each 10 s. A principal has
// 200 requests at once, then 50 a second; of these tables the 10,000 entries
// used last are kept.
//
// It must never import the read model, or the packages of schedulers and
// workers.
package gate
