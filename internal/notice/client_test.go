package notice

import (
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestOnlyPublicAddressesAreReached: or those that are allowed.
func TestOnlyPublicAddressesAreReached(t *testing.T) {
	s := Settings{Allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for _, at := range []string{
		"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
		"fe80::1", "fd00::1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "64:ff9b::7f00:1", "2002:7f00:1::",
	} {
		require.Error(t, s.mayReach(netip.MustParseAddr(at)), at)
	}
	for _, at := range []string{"10.1.2.3", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"} {
		require.NoError(t, s.mayReach(netip.MustParseAddr(at)), at)
	}
}

// TestAPrivateAddressIsNotConnectedTo: neither by number nor by name, unless it
// is named; and none that a redirect names.
func TestAPrivateAddressIsNotConnectedTo(t *testing.T) {
	inner := newStand(t, status(200))
	outer := newStand(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inner.URL, http.StatusTemporaryRedirect)
	})
	guarded := newSender(Settings{}, time.Second)
	target := inner.target(t, "hook", KindWebhook)
	err := guarded.send(t.Context(), &target, nil, nil, []byte("{}"))
	require.ErrorContains(t, err, "127.0.0.1 is no public address")
	require.NotContains(t, err.Error(), "http://", "an address may be secret")
	target.URL.Host = "localhost:" + target.URL.Port()
	require.ErrorContains(t, guarded.send(t.Context(), &target, nil, nil, []byte("{}")), "is no public address")
	require.NoError(t, guarded.send(t.Context(), &target, []string{"localhost"}, nil, []byte("{}")))
	require.Len(t, inner.all(), 1)

	target = outer.target(t, "hook", KindWebhook)
	err = newSender(here(), time.Second).send(t.Context(), &target, nil, nil, []byte("{}"))
	require.ErrorContains(t, err, "redirects are not followed")
	require.Len(t, inner.all(), 1)
}
