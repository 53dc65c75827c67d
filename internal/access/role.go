package access

import (
	"fmt"
	"slices"
	"strings"
)

// Role is how much a principal may do. Each role includes those before it.
type Role string

// The roles. A viewer reads; an operator runs, pauses, resumes, cancels,
// requeues, discards and backfills; an editor writes and deletes jobs; an admin
// makes and revokes tokens.
const (
	Viewer   Role = "viewer"
	Operator Role = "operator"
	Editor   Role = "editor"
	Admin    Role = "admin"
)

// Roles are all roles, the least first.
func Roles() []Role { return []Role{Viewer, Operator, Editor, Admin} }

// ParseRole returns the role of that name.
func ParseRole(name string) (Role, error) {
	if r := Role(name); r.rank() > 0 {
		return r, nil
	}
	names := make([]string, 0, len(Roles()))
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return "", fmt.Errorf("there is no role %q: the roles are %s", name, strings.Join(names, ", "))
}

// Includes reports whether r may do what needed may. No role includes an
// unknown one, and an unknown one includes none.
func (r Role) Includes(needed Role) bool { return needed.rank() > 0 && r.rank() >= needed.rank() }

// rank counts from 1; 0 is no role.
func (r Role) rank() int { return slices.Index(Roles(), r) + 1 }
