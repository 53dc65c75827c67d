package lint

import (
	"fmt"

	"github.com/belfry-cron/belfry/internal/job"
)

// background finds a command that leaves a process behind, which Belfry ends
// with it.
func (c *checker) background(s *subject) {
	if word := job.Background(s.Command); word != "" && !s.Linger {
		c.found(s, Backgrounds, "command", fmt.Sprintf("%s leaves a process in the background, which ends with the command", word),
			"have the command wait for it, or let it live on with linger: true")
	}
}
