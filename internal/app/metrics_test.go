package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/kafka"
)

// TestScrapesHarmNobody: readers that are slow, that leave in the middle, or
// that are a hundred at once cost a role nothing, and the next gets its answer.
func TestScrapesHarmNobody(t *testing.T) {
	reg := prometheus.NewRegistry()
	kafka.NewMetrics(reg)
	server := httptest.NewServer(scraped(reg))
	t.Cleanup(server.Close)
	for range 50 { // they ask and never read
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
	}
	for range 50 { // they leave
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	var all sync.WaitGroup
	codes := make(chan int, 100)
	for range cap(codes) {
		all.Go(func() { codes <- get(t, server.URL) })
	}
	all.Wait()
	close(codes)
	for code := range codes {
		require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, code)
	}
	require.Equal(t, http.StatusOK, get(t, server.URL))
}

// get scrapes and returns the status, 0 if there was no answer.
func get(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	response, err := new(http.Client).Do(request)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}
