// Package access owns who may do what: the roles and what they are limited to
// (role.go, scope.go), the principal that a request acts for (principal.go),
// and the tokens that programs and people show (token.go).
//
// A handler of the API or of a page finds the principal in its context
// (Of); package gate put it there. What it is about to show or change, it asks
// Principal.May. Package steer asks once more, whoever calls it.
//
// Roles contain each other: an editor may do all that an operator may. A
// principal limited to clusters or labels sees and changes only jobs of those
// clusters that carry those labels. Of what belongs to no job (members,
// topics), a limited viewer sees all: it holds no command and no output.
//
// Everything here is a value. It reads no request, no file and no clock; it
// must never import another package of Belfry.
package access
