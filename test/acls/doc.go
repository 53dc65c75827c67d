// Package acls proves the rights that `belfry acls` grants on a real broker with
// an authorizer: each role does its work with them, and cannot do the others'.
package acls
