// Package gate owns how an HTTP request becomes a principal: tokens, sessions,
// OIDC, the one-time URL of "belfry up", and what is refused before any handler
// sees it (wrong Host, other origins, too many attempts).
//
// A handler behind Gate.Wrap finds the principal with access.Of. A request for a
// page without one is sent to LoginPath, which package web draws with what
// Gate.Logins says; a request for /api/v1 gets 401 as a problem document.
package gate
