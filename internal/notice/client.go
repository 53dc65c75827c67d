package notice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds what is read of an answer, maxQuoted what an error says of it,
// in bytes.
const maxAnswer, maxQuoted = 16 << 10, 200

// sender sends requests to targets, and to no address that they must not reach.
type sender struct{ open, guarded *http.Client }

func newSender(s Settings, wait time.Duration) sender {
	return sender{open: client(wait, nil), guarded: client(wait, s.mayReach)}
}

// client connects to what may is content with. The address is looked at when the
// connection is made: a name that was asked about before may have changed.
func client(wait time.Duration, may func(netip.Addr) error) *http.Client {
	dialer := &net.Dialer{}
	if may != nil {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return may(at.Addr().Unmap())
		}
	}
	return &http.Client{
		Timeout: wait,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// mayReach refuses addresses of this host and of private networks, unless they
// are allowed: whoever may edit the settings of a target's server must not make
// Belfry ask what only Belfry can reach.
func (s *Settings) mayReach(at netip.Addr) error {
	if slices.ContainsFunc(s.Allowed, func(p netip.Prefix) bool { return p.Contains(at) }) {
		return nil
	}
	if !at.IsGlobalUnicast() || at.IsPrivate() || slices.ContainsFunc(translated(), func(p netip.Prefix) bool { return p.Contains(at) }) {
		return fmt.Errorf("%s is no public address; \"allow\" in the settings of the targets lets it be reached", at)
	}
	return nil
}

// translated are the networks behind which others lie: that of providers (RFC
// 6598) and those of IPv4 in IPv6 (NAT64, 6to4).
func translated() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("2002::/16"),
	}
}

// trouble is why a target did not take a message.
type trouble struct {
	says string
	// after is how long the target wants to be left alone; final says that it
	// will never take this message.
	after time.Duration
	final bool
}

func (t *trouble) Error() string { return t.says }

// send posts one body; the error is a trouble.
func (s sender) send(ctx context.Context, t *Target, allowedHosts []string, header http.Header, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL.String(), bytes.NewReader(body))
	if err != nil {
		return &trouble{says: "the address cannot be used", final: true}
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "belfry")
	client := s.guarded
	if slices.Contains(allowedHosts, strings.ToLower(t.URL.Hostname())) {
		client = s.open
	}
	answer, err := client.Do(req)
	if err != nil {
		return &trouble{says: plain(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	return judge(answer, text)
}

// plain leaves the address out of an error: it may be secret.
func plain(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "no answer in time"
	}
	return err.Error()
}

// judge says what an answer means.
func judge(answer *http.Response, text []byte) error {
	code := answer.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	says := "answered " + answer.Status
	if quoted := strings.ToValidUTF8(string(text[:min(len(text), maxQuoted)]), ""); strings.TrimSpace(quoted) != "" {
		says += ": " + strings.Join(strings.Fields(quoted), " ")
	}
	switch {
	case code >= 300 && code < 400:
		says += "; redirects are not followed: name the address itself"
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return &trouble{says: says, final: true}
	}
	return &trouble{says: says, after: retryAfter(answer)}
}

// retryAfter is what the answer asks for, in seconds or as a date.
func retryAfter(answer *http.Response) time.Duration {
	text := answer.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, 1<<20))*time.Second, maxAsked)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), maxAsked)
	}
	return 0
}
