package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	prefix = "/api/v1"
	// maxAnswer bounds an answer, in bytes: the jobs of a large installation.
	maxAnswer = 1 << 30
	// maxProblem bounds a problem document.
	maxProblem = 1 << 20
)

// Options say which server is asked, and by whom.
type Options struct {
	// URL is that of the server, as https://belfry.example.org.
	URL string
	// Token is shown with each request.
	Token string
	// CAFile, if set, has the certificates (PEM) to trust instead of the
	// system's.
	CAFile string
	// Wait bounds how long a connection may take.
	Wait time.Duration
	// Agent names the program.
	Agent string
}

// Client asks a server.
type Client struct {
	base string
	o    Options
	http *http.Client
}

// New returns a client. It says what is wrong with the options.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--server is as https://belfry.example.org, not %q", o.URL)
	}
	if u.Scheme == "http" && o.Token != "" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("--server %s: everybody on the way could read the token: give an https URL", o.URL)
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("the token holds characters that no token has")
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: time.Minute, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: o.Wait, DialContext: dialer(o.Wait), TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--server-ca: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--server-ca: %s holds no certificate (PEM)", o.CAFile)
		}
	}
	return &Client{base: strings.TrimSuffix(o.URL, "/") + prefix, o: o, http: &http.Client{
		Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the token is for this server alone
		},
	}}, nil
}

// ProblemError is what a server says is wrong (RFC 9457).
type ProblemError struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// Error is for the error interface.
func (p *ProblemError) Error() string {
	text := p.Detail
	for _, e := range p.Errors {
		text += "\n" + strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "query.") + ": " + e.Message
	}
	if text == "" {
		text = p.Title
	}
	return "the server says: " + text
}

// UnreachableError says that no answer came.
type UnreachableError struct{ Cause error }

// Error is for the error interface.
func (e *UnreachableError) Error() string {
	return "the server cannot be reached: " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Cause }

// get asks for a value.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, http.MethodGet, path, nil, into)
}

// do sends a body, if there is one, and reads the answer, if it is wanted.
func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	r, err := c.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	answer, err := c.send(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // all that is wanted was read
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return &UnreachableError{err}
	}
	if into == nil {
		return nil
	}
	if err := topic.Unmarshal(content, into); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.o.URL, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		value, err := topic.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		content = bytes.NewReader(value)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("User-Agent", c.o.Agent)
	if c.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	return r, nil
}

// send returns a good answer, or what the server says is wrong.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(r)
	if err != nil {
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		return nil, &UnreachableError{err}
	}
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }() // as above
	content, _ := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	p := &ProblemError{}
	if err := topic.Unmarshal(content, p); err != nil || p.Status == 0 {
		p = &ProblemError{Status: answer.StatusCode, Title: answer.Status, Detail: c.o.URL + " answered " + answer.Status + "; is it a server of Belfry?"}
	}
	return nil, p
}

// missing reports whether the server says that something is not there.
func missing(err error) bool {
	var p *ProblemError
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}
