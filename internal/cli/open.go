package cli

import (
	"github.com/belfry-cron/belfry/internal/app"
)

type openCmd struct {
	Dir string `default:"belfry-data" placeholder:"DIR" env:"BELFRY_DIR" help:"Data folder of the running \"belfry up\"."`
}

func (openCmd) Help() string {
	return "Whoever opens the URL within a day, once, is logged in and may do everything: it is made of the secret in the data folder, " +
		"which only its owner can read.\n\nExamples:\n\n    xdg-open \"$(belfry open)\""
}

// Run prints a URL.
func (c *openCmd) Run(s *session) error {
	url, err := app.OpenUp(c.Dir)
	if err != nil {
		return &exitError{exitNotFound, err}
	}
	s.printf("%s\n", url)
	return nil
}
