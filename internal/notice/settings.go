package notice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/belfry-cron/belfry/internal/job"
)

// Kind is what a target understands.
type Kind string

// The kinds of targets.
const (
	KindWebhook   Kind = "webhook"
	KindSlack     Kind = "slack"
	KindPagerDuty Kind = "pagerduty"
)

// pagerDutyURL is where PagerDuty takes events (Events API v2).
const pagerDutyURL = "https://events.pagerduty.com/v2/enqueue"

// Target is whom notices go to.
type Target struct {
	Name string
	Kind Kind
	URL  *url.URL
	// Secret signs what a webhook gets, or is PagerDuty's integration key; empty
	// for others.
	Secret []byte
}

// Settings are the targets by name, and what else may be connected to.
type Settings struct {
	Targets map[string]Target
	// Allowed are the addresses beside public ones, AllowedHosts the names of
	// hosts whose address may be any.
	Allowed      []netip.Prefix
	AllowedHosts []string
}

// file is how settings are written.
type file struct {
	Targets map[string]struct {
		Kind       Kind   `yaml:"kind"`
		URL        string `yaml:"url"`
		URLFile    string `yaml:"url_file"`
		SecretFile string `yaml:"secret_file"`
	} `yaml:"targets"`
	Allow []string `yaml:"allow"`
}

// maxFile bounds what is read of a file of settings, maxSecret of one with a
// secret, in bytes; minSecret is what a signature needs to mean anything.
const (
	maxFile   = 1 << 20
	maxSecret = 4 << 10
	minSecret = 16
)

// Load reads the settings. Files that they name are relative to their own. The
// error names the file and what is wrong with it.
func Load(path string) (Settings, error) {
	text, err := readFile(path, maxFile)
	if err != nil {
		return Settings{}, fmt.Errorf("reading the targets of notices: %w", err)
	}
	var f file
	err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f)
	if err != nil && !errors.Is(err, io.EOF) {
		return Settings{}, fmt.Errorf("reading the targets of notices: %s: %s", path, yaml.FormatError(err, false, true))
	}
	s := Settings{Targets: map[string]Target{}}
	for _, name := range slices.Sorted(maps.Keys(f.Targets)) {
		written := f.Targets[name]
		t, err := target(name, written.Kind, written.URL, filepath.Dir(path), written.URLFile, written.SecretFile)
		if err != nil {
			return Settings{}, fmt.Errorf("%s: target %q: %w", path, name, err)
		}
		s.Targets[name] = t
	}
	for _, text := range f.Allow {
		if err := s.allow(text); err != nil {
			return Settings{}, fmt.Errorf("%s: allow: %w", path, err)
		}
	}
	return s, nil
}

// allow adds an address, a network or the name of a host.
func (s *Settings) allow(text string) error {
	if addr, err := netip.ParseAddr(text); err == nil {
		s.Allowed = append(s.Allowed, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
		return nil
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		s.Allowed = append(s.Allowed, p.Masked())
		return nil
	}
	if text == "" || strings.ContainsAny(text, "/: \t*") {
		return fmt.Errorf("%q is no address, no network such as 10.0.0.0/8 and no host's name", text)
	}
	s.AllowedHosts = append(s.AllowedHosts, strings.ToLower(text))
	return nil
}

func target(name string, kind Kind, address, folder, addressFile, secretFile string) (Target, error) {
	t := Target{Name: name, Kind: kind}
	if len(name) > job.MaxTarget || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return t, fmt.Errorf("the name is of letters, digits and . _ -, at most %d", job.MaxTarget)
	}
	switch kind {
	case KindWebhook, KindSlack:
	case KindPagerDuty:
		if address == "" && addressFile == "" {
			address = pagerDutyURL
		}
		if secretFile == "" {
			return t, errors.New("secret_file is missing: the file with the integration key of the service")
		}
	default:
		return t, fmt.Errorf("kind is %q; it is webhook, slack or pagerduty", kind)
	}
	address, err := addressOf(address, folder, addressFile)
	if err != nil {
		return t, err
	}
	t.URL, err = url.Parse(address)
	if err != nil || t.URL.Host == "" || t.URL.Scheme != "https" && t.URL.Scheme != "http" {
		return t, errors.New("url is no address that begins with https:// or http://") // it may be secret
	}
	if t.URL.User != nil {
		return t, errors.New("url holds a name or a password; webhooks are signed with secret_file")
	}
	if secretFile == "" {
		return t, nil
	}
	if t.Secret, err = secret(folder, secretFile); err == nil && kind == KindWebhook && len(t.Secret) < minSecret {
		err = fmt.Errorf("secret_file: %s holds %d bytes; at least %d are needed, as \"openssl rand -hex 32\" makes", secretFile, len(t.Secret), minSecret)
	}
	return t, err
}

// addressOf is the address, which may stand in a file: that of a chat is a
// secret.
func addressOf(address, folder, addressFile string) (string, error) {
	switch {
	case address != "" && addressFile != "":
		return "", errors.New("has both url and url_file")
	case address != "":
		return address, nil
	case addressFile == "":
		return "", errors.New("has neither url nor url_file")
	}
	text, err := secret(folder, addressFile)
	return string(text), err
}

// secret reads a file that holds one word.
func secret(folder, name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	text, err := readFile(name, maxSecret)
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return text, nil
}

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return text, err
}
