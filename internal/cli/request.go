package cli

import (
	"os"
	"os/user"

	"github.com/belfry-cron/belfry/internal/access"
)

// keyboard is whoever is at the keyboard. Kafka decided what such a person may
// do: whoever may write to the topics may do all.
func keyboard() access.Principal {
	return access.Principal{Name: whoami(), Role: access.Admin, Via: access.CLI}
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
