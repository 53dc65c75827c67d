package cli

import (
	"os"
	"os/user"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-cron/belfry/internal/run"
)

// newRequest returns a request of that type about a job, by whoever is at the
// keyboard.
func newRequest(t run.RequestType, job string) run.Request {
	return run.Request{Type: t, ID: uuid.NewString(), Job: job, At: time.Now().UTC().Truncate(time.Millisecond), By: whoami()}
}

// whoami names the person and the host, for the record.
func whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name + "@" + hostname()
}

func hostname() string {
	host, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return host
}
