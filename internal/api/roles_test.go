package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/access"
)

// needs is the role that each operation needs. An operation that is not listed
// here fails the test: who may use it has to be decided.
func needs() map[string]access.Role {
	return map[string]access.Role{
		"list-jobs": access.Viewer, "get-job": access.Viewer, "list-definitions": access.Viewer, "next-due": access.Viewer,
		"explain-job": access.Viewer, "plan-jobs": access.Viewer, "load": access.Viewer,
		"list-runs": access.Viewer, "get-run": access.Viewer, "get-logs": access.Viewer,
		"list-dead": access.Viewer, "list-members": access.Viewer, "list-shards": access.Viewer, "list-topics": access.Viewer,
		"get-progress": access.Viewer, "list-unreadable": access.Viewer, "get-me": access.Viewer,
		"overview": access.Viewer, "stats": access.Viewer, "calendar": access.Viewer,
		"list-audit": access.Viewer, "list-notices": access.Viewer, "list-targets": access.Viewer, "follow-events": access.Viewer,
		"list-states": access.Viewer, "list-ledger": access.Viewer,

		"pause-job": access.Operator, "resume-job": access.Operator, "run-job": access.Operator,
		"backfill-job": access.Operator, "steer-backfill": access.Operator,
		"cancel-run": access.Operator, "requeue-run": access.Operator, "replay-run": access.Operator, "discard-run": access.Operator,
		"test-target":  access.Operator,
		"requeue-dead": access.Operator, "discard-dead": access.Operator,

		"put-job": access.Editor, "delete-job": access.Editor, "apply-jobs": access.Editor,

		"list-tokens": access.Admin, "create-token": access.Admin, "revoke-token": access.Admin,
	}
}

// bodies are those of operations that want one: else their form would be refused
// before anybody is asked who they are.
func bodies() map[string]string {
	return map[string]string{
		"backfill-job": `{"from":"2026-11-01T00:00:00Z","to":"2026-11-02T00:00:00Z","dry_run":true}`,
		"requeue-dead": `{"job":"absent","dry_run":true}`,
		"discard-dead": `{"job":"absent","dry_run":true}`,
		"create-token": `{"name":"t","role":"viewer"}`,
		"put-job":      `{"name":"absent","cluster":"cluster-a","command":["true"]}`,
		"plan-jobs":    `{"jobs":[]}`,
		"apply-jobs":   `{"jobs":[],"dry_run":true}`,
	}
}

// TestEachRoleOnEachRoute: below its role nobody gets to an operation, from it on
// everybody does.
func TestEachRoleOnEachRoute(t *testing.T) {
	w := newWorld(t)
	var doc struct {
		Paths map[string]map[string]map[string]any `json:"paths"`
	}
	document, err := w.api.Document()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(document, &doc))
	wanted, seen := needs(), map[string]bool{}
	fill := strings.NewReplacer("{job}", "absent", "{run}", "00000000", "{token}", "absent", "{target}", "absent", "{backfill}", "b", "{step}", "pause")
	for path, methods := range doc.Paths {
		for method, op := range methods {
			id, _ := op["operationId"].(string)
			require.Contains(t, wanted, id, "%s %s: which role does it need?", method, path)
			require.Equal(t, string(wanted[id]), op["x-belfry-role"], id)
			seen[id] = true
			at := "/api/v1" + fill.Replace(path)
			switch id {
			case "explain-job":
				at += "?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z"
			case "list-ledger":
				at += "?since=2026-11-01T00:00:00Z"
			}
			for _, role := range append([]access.Role{""}, access.Roles()...) {
				got := w.ask(as(role), strings.ToUpper(method), at, bodies()[id])
				if role.Includes(wanted[id]) {
					require.NotContains(t, []int{http.StatusForbidden, http.StatusUnauthorized, http.StatusMethodNotAllowed}, got.status, "%s as %q: %s", id, role, got.body)
				} else {
					w.problem(got, http.StatusForbidden)
				}
			}
		}
	}
	for id := range wanted {
		require.True(t, seen[id], "%s is no operation any more", id)
	}
}
