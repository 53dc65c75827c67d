package cli

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/gate"
)

type serverCmd struct {
	connection `set:"wait=2m"`
	role

	HTTP       string   `name:"http" default:"${http}" placeholder:"HOST:PORT" env:"BELFRY_HTTP" help:"Serve pages and the API there."`
	Data       string   `default:"belfry-server" placeholder:"DIR" env:"BELFRY_DATA" help:"Where the read model lies: each server has its own, and makes it anew if it is lost."`
	HTTPCert   string   `name:"http-cert" placeholder:"FILE" predictor:"file" env:"BELFRY_HTTP_CERT" help:"Encrypt with this certificate (PEM)."`
	HTTPKey    string   `name:"http-key" placeholder:"FILE" predictor:"file" env:"BELFRY_HTTP_KEY" help:"Key of the certificate (PEM)."`
	HTTPPlain  bool     `name:"http-plain" env:"BELFRY_HTTP_PLAIN" help:"Let other hosts connect although nobody encrypts."`
	Proxy      []string `placeholder:"ADDRESS" env:"BELFRY_PROXY" help:"Addresses or networks of the proxies that pass requests on, and encrypt; nobody else may connect then."`
	PublicURL  string   `name:"public-url" placeholder:"URL" env:"BELFRY_PUBLIC_URL" help:"How people reach the server, such as https://belfry.example.org."`
	Host       []string `placeholder:"NAME" env:"BELFRY_HOST" help:"More names by which the server is reached."`
	SessionKey string   `name:"session-key" placeholder:"FILE" predictor:"file" env:"BELFRY_SESSION_KEY" help:"File of at least 32 bytes of chance that signs sessions: the same for all servers behind one name (default: each has its own)."`

	targets

	OIDCIssuer     string   `name:"oidc-issuer" placeholder:"URL" env:"BELFRY_OIDC_ISSUER" help:"Let people log in at this OpenID Connect provider."`
	OIDCClient     string   `name:"oidc-client" placeholder:"ID" env:"BELFRY_OIDC_CLIENT" help:"ID by which the provider knows Belfry."`
	OIDCSecretFile string   `name:"oidc-secret-file" placeholder:"FILE" predictor:"file" env:"BELFRY_OIDC_SECRET_FILE" help:"File with the secret of that client."`
	OIDCName       string   `name:"oidc-name" default:"email" placeholder:"CLAIM" env:"BELFRY_OIDC_NAME" help:"Claim that names a person."`
	OIDCGroups     string   `name:"oidc-groups" default:"groups" placeholder:"CLAIM" env:"BELFRY_OIDC_GROUPS" help:"Claim that names a person's groups."`
	OIDCGrant      []string `name:"oidc-grant" sep:"none" placeholder:"GROUP=ROLE" env:"BELFRY_OIDC_GRANT" help:"What the members of a group may do: GROUP=ROLE, where @cluster=NAME and @label=NAME=VALUE after the role limit it; * is everybody. May be given several times; the first that fits counts."`
}

func (serverCmd) Help() string {
	return "Any number of servers read the same Kafka. People log in with a token, or at an OpenID Connect provider; " +
		"\"belfry token create\" makes the first token.\n\n" +
		"Examples:\n\n    belfry server --brokers kafka-1:9092 --data /var/lib/belfry\n" +
		"    belfry server --http :8443 --http-cert cert.pem --http-key key.pem\n" +
		"    belfry server --oidc-issuer https://login.example.org --oidc-client belfry --public-url https://belfry.example.org \\\n" +
		"      --oidc-grant ops=admin --oidc-grant data=editor@cluster=cluster-a@label=team=data"
}

// Run runs a server until it is interrupted.
func (c *serverCmd) Run(ctx context.Context, s *session) error {
	http, err := c.options()
	if err != nil {
		return usageError(err)
	}
	oidc, err := c.oidc(&http)
	if err != nil {
		return usageError(err)
	}
	notices, err := c.load()
	if err != nil {
		return err
	}
	release, err := c.claimName("server-" + hostname())
	if err != nil {
		return err
	}
	defer release()
	node, err := c.node(s, &c.connection)
	if err != nil {
		return err
	}
	return app.Server(ctx, app.ServerOptions{
		Node: node, HTTPOptions: http, Data: c.Data, KeyFile: c.SessionKey, OIDC: oidc, Notices: notices,
		OnServe: func(url string) { s.log.Info("serving pages and the API", "url", url, "data", c.Data) },
	})
}

// options are where and how to serve.
func (c *serverCmd) options() (app.HTTPOptions, error) {
	o := app.HTTPOptions{
		Addr: c.HTTP, CertFile: c.HTTPCert, KeyOfCert: c.HTTPKey, PublicURL: c.PublicURL, Hosts: c.Host, Plain: c.HTTPPlain,
	}
	for _, text := range c.Proxy {
		p, err := network(text)
		if err != nil {
			return o, err
		}
		o.Proxies = append(o.Proxies, p)
	}
	return o, o.Check()
}

// network is an address, or a network of them.
func network(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("--proxy %s: neither an address nor a network, such as 10.0.0.0/8", text)
	}
	return p, nil
}

// oidc is the provider, or nil.
func (c *serverCmd) oidc(http *app.HTTPOptions) (*gate.OIDC, error) {
	if c.OIDCIssuer == "" {
		if c.OIDCClient != "" || len(c.OIDCGrant) > 0 {
			return nil, fmt.Errorf("--oidc-client and --oidc-grant are nothing without --oidc-issuer")
		}
		return nil, nil
	}
	switch {
	case c.OIDCClient == "":
		return nil, fmt.Errorf("--oidc-issuer needs --oidc-client")
	case http.PublicURL == "":
		return nil, fmt.Errorf("--oidc-issuer needs --public-url: the provider sends people back there")
	case len(c.OIDCGrant) == 0:
		return nil, fmt.Errorf("--oidc-issuer needs --oidc-grant, else nobody may do anything; --oidc-grant '*=viewer' lets everybody read")
	}
	o := &gate.OIDC{
		Issuer: c.OIDCIssuer, ClientID: c.OIDCClient, NameClaim: c.OIDCName, GroupsClaim: c.OIDCGroups,
		Redirect: strings.TrimSuffix(http.PublicURL, "/") + gate.CallbackPath,
	}
	for _, text := range c.OIDCGrant {
		g, err := grant(text)
		if err != nil {
			return nil, err
		}
		o.Grants = append(o.Grants, g)
	}
	if c.OIDCSecretFile != "" {
		secret, err := os.ReadFile(c.OIDCSecretFile)
		if err != nil {
			return nil, fmt.Errorf("--oidc-secret-file: %w", err)
		}
		o.ClientSecret = strings.TrimSpace(string(secret))
	}
	return o, nil
}

// grant reads GROUP=ROLE, and the limits after it.
func grant(text string) (gate.Grant, error) {
	parts := strings.Split(text, "@")
	group, role, ok := cutLast(parts[0], "=")
	if !ok || group == "" {
		return gate.Grant{}, fmt.Errorf("--oidc-grant %s: it is GROUP=ROLE, such as ops=admin", text)
	}
	g := gate.Grant{Group: group}
	var err error
	if g.Role, err = access.ParseRole(role); err != nil {
		return g, fmt.Errorf("--oidc-grant %s: %w", text, err)
	}
	for _, limit := range parts[1:] {
		kind, value, _ := strings.Cut(limit, "=")
		switch {
		case kind == "cluster" && value != "":
			g.Scope.Clusters = append(g.Scope.Clusters, value)
		case kind == "label" && strings.Contains(value, "="):
			name, is, _ := strings.Cut(value, "=")
			if g.Scope.Labels == nil {
				g.Scope.Labels = map[string]string{}
			}
			g.Scope.Labels[name] = is
		default:
			return g, fmt.Errorf("--oidc-grant %s: a limit is @cluster=NAME or @label=NAME=VALUE", text)
		}
	}
	return g, nil
}

// cutLast cuts at the last separator.
func cutLast(s, sep string) (before, after string, ok bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}
