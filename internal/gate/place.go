package gate

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// place is where a request came from.
type place struct {
	address string // of the client, without a port
}

type placeKey struct{}

func withPlace(ctx context.Context, p place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

func placeOf(r *http.Request) place {
	p, _ := r.Context().Value(placeKey{}).(place)
	return p
}

// place says where a request came from, or why it is refused for that or for the
// host that it is for.
func (g *Gate) place(r *http.Request) (place, error) {
	if !g.mayBeFor(r.Host) {
		return place{}, &refusal{
			http.StatusMisdirectedRequest,
			"this server is not " + clipped(r.Host) + "; --public-url or --host says by which names it is reached",
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return place{}, &refusal{http.StatusBadRequest, "the address of the client cannot be read"}
	}
	client := peer.Addr().Unmap()
	if len(g.o.Proxies) == 0 {
		return place{client.String()}, nil
	}
	if !g.trusts(client) {
		if !client.IsLoopback() {
			return place{}, &refusal{http.StatusForbidden, "this server is reached by its proxy only"}
		}
		return place{client.String()}, nil
	}
	return place{g.forwarded(client, r.Header.Values("X-Forwarded-For")).String()}, nil
}

// forwarded is the last address in the header that no proxy has: all before it
// anybody may have written.
func (g *Gate) forwarded(peer netip.Addr, headers []string) netip.Addr {
	hops := strings.Split(strings.Join(headers, ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if peer = addr.Unmap(); !g.trusts(peer) {
			break
		}
	}
	return peer
}

func (g *Gate) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(g.o.Proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// mayBeFor reports whether a request may be for that host. A page of another
// site can make its own name mean this host, but neither an address in digits
// nor localhost.
func (g *Gate) mayBeFor(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return name == "localhost" || slices.ContainsFunc(g.o.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// clipped is foreign text as a part of a message.
func clipped(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s), "")
}
