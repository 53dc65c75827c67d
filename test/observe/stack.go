package observe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
)

// ErrNotInstalled is wrapped when Prometheus or Alertmanager is missing.
var ErrNotInstalled = errors.New("not installed (Debian: apt-get install prometheus prometheus-alertmanager)")

// startLimit is how long one of them may take to answer.
const startLimit = time.Minute

// Key and KeyB are the routing keys of the stand-in's two services.
const (
	Key  = "belfry00000000000000000000000000"
	KeyB = "belfryclusterb000000000000000000"
)

// Options say what to watch.
type Options struct {
	// Root is the project's tree, Dir where configuration, data and logs go.
	Root, Dir string
	// Prometheus and Alertmanager are the addresses to listen on.
	Prometheus, Alertmanager string
	// PagerDuty is the address of a stand-in.
	PagerDuty string
	// Targets are what is scraped, by job.
	Targets map[string][]string
	// NoAlertmanager leaves it out.
	NoAlertmanager bool
}

// Stack is a Prometheus and an Alertmanager that run.
type Stack struct {
	o    Options
	cmds []*exec.Cmd
}

// Start starts both and returns once they answer.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{o: o}
	if err := s.start(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	targets := map[string][]string{"prometheus": {s.o.Prometheus}}
	if !s.o.NoAlertmanager {
		targets["alertmanager"] = []string{s.o.Alertmanager}
		if err := s.startAlertmanager(ctx); err != nil {
			return err
		}
	}
	maps.Copy(targets, s.o.Targets)
	dir := filepath.Join(s.o.Dir, "prometheus")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(s.o.Root, "deploy/prometheus"))); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "targets"), 0o755); err != nil {
		return err
	}
	for job, addrs := range targets {
		if err := s.Target(job, addrs); err != nil {
			return err
		}
	}
	if err := s.run("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(s.o.Dir, "tsdb"), "--web.listen-address="+s.o.Prometheus,
		"--enable-feature=native-histograms,exemplar-storage"); err != nil {
		return err
	}
	return await(ctx, "http://"+s.o.Prometheus+"/-/ready")
}

// Target says what of a job is scraped from now on.
func (s *Stack) Target(job string, addrs []string) error {
	text, err := json.Marshal([]map[string]any{{"targets": addrs}})
	if err != nil {
		return err
	}
	name := filepath.Join(s.o.Dir, "prometheus/targets", job+".yml") // JSON is YAML
	if err := os.WriteFile(name+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

func (s *Stack) startAlertmanager(ctx context.Context) error {
	dir := filepath.Join(s.o.Dir, "alertmanager")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.o.Root, "deploy/alertmanager/alertmanager.yml"))
	if err != nil {
		return err
	}
	here := strings.NewReplacer(
		"/etc/alertmanager/", dir+"/",
		"https://events.pagerduty.com/v2/enqueue", "http://"+s.o.PagerDuty+"/v2/enqueue",
		"http://127.0.0.1:9199/watchdog", "http://"+s.o.PagerDuty+"/watchdog",
	).Replace(string(text))
	for name, content := range map[string]string{
		"alertmanager.yml": here, "pagerduty.key": Key, "pagerduty-cluster-b.key": KeyB,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	if err := s.run("prometheus-alertmanager", "--config.file="+filepath.Join(dir, "alertmanager.yml"),
		"--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+s.o.Alertmanager,
		"--cluster.listen-address="); err != nil {
		return err
	}
	return await(ctx, "http://"+s.o.Alertmanager+"/-/ready")
}

// run starts a program, its output in a log of its name. The kernel ends it with
// this program, however that ends.
func (s *Stack) run(program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return fmt.Errorf("%s is %w", program, ErrNotInstalled)
	}
	log, err := os.Create(filepath.Join(s.o.Dir, program+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	// The parent whose death counts is the thread that forked: this one is kept.
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		_ = cmd.Wait() // how it ended is in its log
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	s.cmds = append(s.cmds, cmd)
	return nil
}

// Stop ends both.
func (s *Stack) Stop() {
	for _, cmd := range s.cmds {
		_ = cmd.Process.Kill() // gone already is as good
	}
}

// Sample is a series and its value now.
type Sample struct {
	Labels map[string]string
	Value  string
}

// Query asks Prometheus for a vector or a scalar now.
func (s *Stack) Query(ctx context.Context, expr string) ([]Sample, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  []any             `json:"value"`
			} `json:"result"`
		}
	}
	link := "http://" + s.o.Prometheus + "/api/v1/query?query=" + url.QueryEscape(expr)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	response, err := new(http.Client).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.UnmarshalRead(response.Body, &answer, json.MatchCaseInsensitiveNames(true)); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: %s", expr, answer.Error)
	}
	var all []Sample
	for _, r := range answer.Data.Result {
		all = append(all, Sample{Labels: r.Metric, Value: fmt.Sprint(r.Value[1])})
	}
	return all, nil
}

// Free returns so many addresses that nobody listens on now.
func Free(n int) ([]string, error) {
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all are held until all are chosen
		all = append(all, l.Addr().String())
	}
	return all, nil
}

func await(ctx context.Context, link string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
		if err != nil {
			return err
		}
		response, err := new(http.Client).Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", link, errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
