package broker

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// rawClient writes frames as they come, right or wrong.
type rawClient struct {
	t    testing.TB
	conn net.Conn
}

func dial(t testing.TB, b *Broker) *rawClient {
	t.Helper()
	c, err := net.Dial("tcp", b.Addrs()[0])
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() }) // the broker may have been first
	require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	return &rawClient{t, c}
}

// member dials and authenticates.
func member(t testing.TB, b *Broker) *rawClient {
	t.Helper()
	c := dial(t, b)
	c.authenticate(b.Secret())
	return c
}

func (c *rawClient) authenticate(secret string) *kmsg.SASLAuthenticateResponse {
	c.t.Helper()
	hello := kmsg.NewPtrSASLHandshakeRequest()
	hello.Version, hello.Mechanism = 1, Mechanism
	require.Zero(c.t, c.ask(hello).(*kmsg.SASLHandshakeResponse).ErrorCode)
	session, message, err := scram.Auth{User: User, Pass: secret}.AsSha256Mechanism().Authenticate(c.t.Context(), "")
	require.NoError(c.t, err)
	for {
		req := kmsg.NewPtrSASLAuthenticateRequest()
		req.Version, req.SASLAuthBytes = 2, message
		resp := c.ask(req).(*kmsg.SASLAuthenticateResponse)
		if resp.ErrorCode != 0 {
			return resp
		}
		var done bool
		done, message, err = session.Challenge(resp.SASLAuthBytes)
		require.NoError(c.t, err)
		if done {
			return resp
		}
	}
}

func frame(req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, req, 1)
}

// ask sends a request and returns its answer.
func (c *rawClient) ask(req kmsg.Request) kmsg.Response {
	c.t.Helper()
	c.send(frame(req))
	body, err := c.answer()
	require.NoError(c.t, err)
	resp := req.ResponseKind()
	if resp.IsFlexible() && resp.Key() != kmsg.ApiVersions.Int16() {
		body = body[1:] // no tags
	}
	require.NoError(c.t, resp.ReadFrom(body))
	return resp
}

func (c *rawClient) send(raw []byte) {
	c.t.Helper()
	_, err := c.conn.Write(raw)
	require.NoError(c.t, err)
}

// answer returns what follows the correlation ID of the next answer.
func (c *rawClient) answer() ([]byte, error) {
	start := make([]byte, 8)
	if _, err := io.ReadFull(c.conn, start); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(start)-4)
	_, err := io.ReadFull(c.conn, body)
	return body, err
}

// requireClosed waits for the broker to close the connection unanswered.
func (c *rawClient) requireClosed(why string) {
	c.t.Helper()
	_, err := c.answer()
	require.Error(c.t, err, why)
	require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded, why)
}
