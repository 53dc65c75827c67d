package access

import (
	"context"
	"fmt"
)

// Via is by which way a principal came.
type Via string

// The ways.
const (
	CLI  Via = "cli"  // the command line, straight to Kafka
	API  Via = "api"  // a program, or the command line with --server
	Web  Via = "web"  // a page
	File Via = "file" // the job file source of a scheduler
)

// Principal is who a request acts for.
type Principal struct {
	// Name is "alice@example.org", the name of a token, or "user@host" of the
	// command line on Kafka.
	Name  string `json:"name"`
	Role  Role   `json:"role"`
	Scope Scope  `json:"scope,omitzero"`
	// Via and From, a network address or empty, are for the audit.
	Via  Via    `json:"via"`
	From string `json:"from,omitempty"`
}

// DeniedError says that the principal may not do what was asked.
type DeniedError struct {
	Principal Principal
	Needed    Role
	// Job is what was asked about, if that lies outside the principal's scope.
	Job string
	// Limited says that the role would do, were it not for the scope.
	Limited bool
}

// Error is for the error interface.
func (e *DeniedError) Error() string {
	if e.Job != "" {
		return fmt.Sprintf("%s may not do this with job %s: its scope leaves that job out", e.Principal.Name, e.Job)
	}
	if e.Limited {
		return fmt.Sprintf("%s is %s of some jobs: this needs the role without a limit", e.Principal.Name, e.Principal.Role)
	}
	return fmt.Sprintf("%s is %s: this needs the role %s", e.Principal.Name, e.Principal.Role, e.Needed)
}

// May returns nil if the principal has the role, else a *DeniedError.
func (p Principal) May(needed Role) error {
	if p.Role.Includes(needed) {
		return nil
	}
	return &DeniedError{Principal: p, Needed: needed}
}

// MayWith returns nil if the principal has the role and its scope covers the
// job, else a *DeniedError.
func (p Principal) MayWith(needed Role, job, cluster string, labels map[string]string) error {
	if err := p.May(needed); err != nil {
		return err
	}
	if !p.Scope.Covers(cluster, labels) {
		return &DeniedError{Principal: p, Needed: needed, Job: job}
	}
	return nil
}

// MayAll returns nil if the principal has the role, and no limit, else a
// *DeniedError.
func (p Principal) MayAll(needed Role) error {
	if err := p.May(needed); err != nil {
		return err
	}
	if !p.Scope.Whole() {
		return &DeniedError{Principal: p, Needed: needed, Limited: true}
	}
	return nil
}

// principalKey is the key of a principal in a context.
type principalKey struct{}

// With returns a context that carries a principal.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// Of returns the principal that the context carries. Without one it returns the
// zero Principal, whose role may do nothing.
func Of(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
