package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/belfry-cron/belfry/internal/ready"
)

// healthLimit bounds the answer to a health question: without Kafka it comes at
// once, as nobody is asked for it.
const healthLimit = 3 * time.Second

type healthCmd struct {
	answer
	MetricsAddr string `placeholder:"HOST:PORT" env:"BELFRY_METRICS_ADDR" help:"Ask the scheduler, worker or server whose --metrics-addr this is."`
	Live        bool   `help:"Ask whether the process lives, whatever Kafka does, rather than whether it does its work."`
}

func (healthCmd) Help() string {
	return "Asks /readyz of a role on this host, or /healthz with --live: for the health checks of containers without a shell. " +
		"The exit code is 0 if it is well, 1 if it is not or does not answer, and 2 if no address is given.\n\n" +
		"Examples:\n\n    belfry health --metrics-addr 127.0.0.1:9393\n    BELFRY_METRICS_ADDR=:9393 belfry health --live -o json"
}

// Run asks, and shows the reasons of a role that does not work.
func (c *healthCmd) Run(ctx context.Context, s *session) error {
	host, port, err := net.SplitHostPort(c.MetricsAddr)
	if err != nil {
		return usageError(fmt.Errorf("--metrics-addr %q is no HOST:PORT: give the address that the role serves its metrics at (or BELFRY_METRICS_ADDR)", c.MetricsAddr))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // where a role that listens everywhere is found
	}
	ctx, cancel := context.WithTimeout(ctx, healthLimit)
	defer cancel()
	a, err := asked(ctx, net.JoinHostPort(host, port), c.Live)
	if err != nil {
		return &exitError{exitFailed, err}
	}
	if c.Output == "json" {
		if err := s.asJSON(a); err != nil {
			return err
		}
	} else {
		s.showHealth(a, c.Live)
	}
	if !a.Ready {
		return &exitError{exitFailed, errors.New("not ready")}
	}
	return nil
}

// asked returns what a role answers; one that merely lives has no reasons.
func asked(ctx context.Context, address string, live bool) (ready.Answer, error) {
	path := "/readyz"
	if live {
		path = "/healthz"
	}
	url := "http://" + address + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ready.Answer{}, err
	}
	response, err := new(http.Client).Do(request)
	if err != nil {
		return ready.Answer{}, fmt.Errorf("asking for health: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return ready.Answer{}, fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if live && response.StatusCode == http.StatusOK {
		return ready.Answer{Ready: true}, nil
	}
	var a ready.Answer
	if err := json.Unmarshal(body, &a); live || err != nil {
		return ready.Answer{}, fmt.Errorf("%s answered %s, not as Belfry does: is the address right?", url, response.Status)
	}
	return a, nil
}

func (s *session) showHealth(a ready.Answer, live bool) {
	switch {
	case live:
		s.printf("alive\n")
	case a.Ready:
		s.printf("ready\n")
	}
	for _, r := range a.Reasons {
		s.printf("%s  %s: %s\n", r.Code, oneLine(r.Of), oneLine(r.Detail))
	}
}
