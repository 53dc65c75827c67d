package cli

import (
	"runtime"
	"runtime/debug"
)

type versionCmd struct {
	answer
}

func (versionCmd) Help() string { return "Examples:\n\n    belfry version\n    belfry version -o json" }

// versions is what there is to say about this binary.
type versions struct {
	Belfry   string `json:"belfry"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func currentVersion() versions {
	v := versions{Belfry: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Belfry = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

// Run shows the version.
func (c *versionCmd) Run(s *session) error {
	v := currentVersion()
	if c.Output == "json" {
		return s.asJSON(v)
	}
	s.printf("belfry %s", v.Belfry)
	if v.Revision != "" {
		s.printf(" %s", v.Revision)
	}
	s.printf(" %s %s\n", v.Go, v.Platform)
	return nil
}
