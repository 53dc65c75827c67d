// Package deploy checks what is shipped: charts, scripts, units, workflows,
// compose files and Terraform, each with its real validator. What is not installed
// is skipped and said so.
package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// rewriteVariable has the rendered charts in testdata written anew; read the diff.
const rewriteVariable = "REWRITE"

// kubernetes is the version that charts are rendered for.
const kubernetes = "1.35.0"

// tool returns the path of a program, or skips the test loudly.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT CHECKED: %s is not installed (%s)", name, from)
	}
	return path
}

func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path := tool(t, "helm", "go install helm.sh/helm/v3/cmd/helm@v3.22.0")
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

func render(t *testing.T, chart string, args ...string) (string, error) {
	t.Helper()
	name := filepath.Base(strings.TrimSuffix(chart, "/chart"))
	return helm(t, append([]string{"template", name, chart, "--namespace", name, "--kube-version", kubernetes}, args...)...)
}

// full are the values that use what the defaults leave out.
func full() []string {
	return []string{
		"--set-string", "image.tag=1.2.3",
		"--set", "kafka.tls.enabled=true,kafka.tls.existingSecret=kafka-tls,kafka.tls.clientCertificate=true",
		"--set", "kafka.sasl.mechanism=SCRAM-SHA-512,kafka.sasl.user=belfry,kafka.sasl.existingSecret=kafka-sasl",
		"--set", "server.replicas=2,server.sessionSecret=session,monitoring.podMonitor=true,pools.a.isolation=privileged",
		"--set", "image.pullSecrets={pull}", "--set", "server.proxy={10.0.0.0/8}",
		"--set-string", `jobs.jobs\.yaml=jobs: []`,
	}
}

// TestCharts: what the charts render is what testdata holds, so that a change of a
// template is read as a change of what it makes.
func TestCharts(t *testing.T) {
	for name, c := range map[string]struct {
		chart string
		args  []string
	}{
		"belfry":      {chart: "helm/belfry"},
		"belfry-full": {chart: "helm/belfry", args: full()},
		"kafka":       {chart: "helm/kafka"},
		"kafka-one":   {chart: "helm/kafka", args: []string{"--set", "replicas=1,replication=1,minInSync=1,networkPolicy.enabled=false"}},
		"pingpong":    {chart: "../examples/pingpong/chart"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, c.chart, c.args...)
			require.NoError(t, err, got)
			golden := filepath.Join("testdata", name+".yaml")
			if os.Getenv(rewriteVariable) != "" {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got, rewriteVariable+"=1 go test ./deploy writes it anew")
			out, err := helm(t, append([]string{"lint", "--strict", c.chart}, c.args...)...)
			require.NoError(t, err, out)
		})
	}
}

// TestValuesThatCannotWork are refused with a sentence that says what to do.
func TestValuesThatCannotWork(t *testing.T) {
	for values, want := range map[string]string{
		"scheduler.replicas=9":               "Lower scheduler.replicas, or raise topics.shards",
		"topics.replication=4":               "Lower topics.replication, or correct kafka.count",
		"drainSeconds=50":                    "Set terminationGraceSeconds to 65 or more",
		"test.pool=c":                        `test.pool is "c", which is no pool: name one of a, retry-a`,
		"pools.a.replicas=13":                "Lower the replicas, or raise topics.partitions",
		"server.replicas=2":                  "Name a Secret with the key session-key",
		"kafka.sasl.mechanism=SCRAM-SHA-512": "kafka.sasl.user and kafka.sasl.existingSecret",
		"kafka.sasl.mechanism=PLAIN,kafka.sasl.user=u,kafka.sasl.existingSecret=s": "Enable TLS, or use SCRAM-SHA-512",
		"kafka.tls.clientCertificate=true":                                         "a Secret with tls.crt and tls.key",
		"kafka.brokers=kafka":                                                      "kafka",
		"scheduler.replica=2":                                                      "replica",
		"pools.a.queue=fast":                                                       "queue",
		"pools.b.cluster=b":                                                        "replicas",
		"pools.a.isolation=root":                                                   "isolation",
		"topics.shards=many":                                                       "shards",
		"jobs.hosts=x":                                                             "'hosts' does not match pattern",
		"pools=null":                                                               "pools",
	} {
		t.Run(values, func(t *testing.T) {
			out, err := render(t, "helm/belfry", "--set", values)
			require.Error(t, err, out)
			require.Contains(t, out, want)
		})
	}
	for values, want := range map[string]string{
		"replication=4":             "Lower replication",
		"replicas=2":                "replicas",
		"minInSync=3":               "Set minInSync to 2",
		"replication=2,minInSync=3": "Lower minInSync",
		"clusterId=short":           "clusterId",
		"storage=10":                "storage",
		"replicas=1,replication=1,minInSync=1,x=1": "x",
	} {
		t.Run(values, func(t *testing.T) {
			out, err := render(t, "helm/kafka", "--set", values)
			require.Error(t, err, out)
			require.Contains(t, out, want)
		})
	}
}

// object is a Kubernetes object as far as the tests look.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Replicas int
		Template struct{ Spec Pod }
		Pod      `yaml:",inline"`
	}
}

// Pod is the specification of one.
type Pod struct {
	Grace      int            `yaml:"terminationGracePeriodSeconds"`
	Token      *bool          `yaml:"automountServiceAccountToken"`
	Security   map[string]any `yaml:"securityContext"`
	Containers []struct {
		Image    string
		Security map[string]any `yaml:"securityContext"`
		Env      []map[string]any
		Liveness struct {
			HTTP struct{ Path string } `yaml:"httpGet"`
		} `yaml:"livenessProbe"`
		Resources struct{ Requests, Limits map[string]string }
	}
}

// TestPodsAreRestricted: every pod of every chart runs as no root and without
// rights, asks for what it needs, and is not killed for what Kafka does.
func TestPodsAreRestricted(t *testing.T) {
	for _, file := range []string{"belfry", "kafka", "kafka-one", "pingpong"} {
		text, err := os.ReadFile(filepath.Join("testdata", file+".yaml"))
		require.NoError(t, err)
		pods := 0
		for part := range strings.SplitSeq(string(text), "\n---\n") {
			var o object
			require.NoError(t, yaml.Unmarshal([]byte(part), &o), "%s:\n%s", file, part)
			p := o.Spec.Template.Spec
			if o.Kind == "Pod" {
				p = o.Spec.Pod
			}
			if len(p.Containers) == 0 {
				continue
			}
			pods++
			name := file + " " + o.Kind + " " + o.Metadata.Name
			require.Equal(t, true, p.Security["runAsNonRoot"], name)
			require.Equal(t, map[string]any{"type": "RuntimeDefault"}, p.Security["seccompProfile"], name)
			require.NotNil(t, p.Token, name)
			require.False(t, *p.Token, name)
			for _, c := range p.Containers {
				require.Equal(t, false, c.Security["allowPrivilegeEscalation"], name)
				require.Equal(t, true, c.Security["readOnlyRootFilesystem"], name)
				require.Equal(t, map[string]any{"drop": []any{"ALL"}}, c.Security["capabilities"], name)
				require.NotEmpty(t, c.Resources.Requests["memory"], name)
				require.NotEmpty(t, c.Resources.Limits["memory"], name)
				require.NotContains(t, c.Image, ":latest", name)
				require.NotEqual(t, "/readyz", c.Liveness.HTTP.Path, name)
			}
		}
		require.Positive(t, pods, file)
	}
}

// TestWorkflowsUseNothingUnpinned: an action of others would be named by the hash
// of its commit; and the token may only read unless a job says what more.
func TestWorkflowsUseNothingUnpinned(t *testing.T) {
	files, err := filepath.Glob("../.github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40}( #.*)?$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), "\npermissions: {contents: read}\n", file)
		for line := range strings.Lines(string(text)) {
			if _, used, is := strings.Cut(line, "uses: "); is {
				require.Regexp(t, pinned, strings.TrimSpace(used), file)
			}
		}
	}
	out, err := exec.CommandContext(t.Context(), tool(t, "actionlint", "go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"), files...).CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestScripts: bash of good style, which says what it would do without a cluster.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../bin/*.sh")
	require.NoError(t, err)
	require.Len(t, files, 5)
	for _, file := range files {
		out, err := exec.CommandContext(t.Context(), file, "--dry-run").CombinedOutput()
		require.NoError(t, err, "%s: %s", file, out)
		require.Contains(t, string(out), "+ ", file)
		out, err = exec.CommandContext(t.Context(), file, "--help").CombinedOutput()
		require.NoError(t, err, file)
		require.Contains(t, string(out), "--dry-run", file)
		err = exec.CommandContext(t.Context(), file, "--unknown").Run()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, file)
		require.Equal(t, 2, exit.ExitCode(), file)
	}
	out, err := exec.CommandContext(t.Context(), "../bin/deploy-pingpong.sh", "--dry-run", "-k", "a:1,b:2").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), `kafka=a:1\\\,b:2`)
	scripts := append([]string{"-x", "-P", "SCRIPTDIR"}, files...)
	scripts = append(scripts, "docker/kafka/start", "docker/kafka/command", "docker/kafka/healthy", "../tools/images-local", "../tools/script-functions")
	out, err = exec.CommandContext(t.Context(), tool(t, "shellcheck", "apt-get install shellcheck"), scripts...).CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestUnits: systemd understands each line.
func TestUnits(t *testing.T) {
	analyze := tool(t, "systemd-analyze", "apt-get install systemd")
	files, err := filepath.Glob("systemd/*.service")
	require.NoError(t, err)
	require.Len(t, files, 3)
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		// The program need not be installed here.
		unit := strings.ReplaceAll(string(text), "/usr/bin/belfry ", "/bin/true ")
		path := filepath.Join(dir, strings.Replace(filepath.Base(file), "@.", "@cluster-a.", 1))
		require.NoError(t, os.WriteFile(path, []byte(unit), 0o600))
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Empty(t, string(out), file)
	}
}

// TestComposeFiles: docker-compose and Compose v2 read them.
func TestComposeFiles(t *testing.T) {
	var tried []string
	for _, compose := range [][]string{{"docker-compose"}, {"docker", "compose"}} {
		if exec.CommandContext(t.Context(), compose[0], append(slices.Clone(compose[1:]), "version")...).Run() != nil {
			continue
		}
		tried = append(tried, strings.Join(compose, " "))
		for _, args := range [][]string{
			{"-f", "compose/compose.yaml", "--profile", "full", "config", "-q"},
			{"-f", "compose/compose.yaml", "--profile", "small", "config", "-q"},
			{"-f", "../examples/pingpong/compose.yaml", "config", "-q"},
		} {
			out, err := exec.CommandContext(t.Context(), compose[0], append(slices.Clone(compose[1:]), args...)...).CombinedOutput()
			require.NoError(t, err, "%v %v: %s", compose, args, out)
		}
	}
	if len(tried) == 0 {
		t.Skip("NOT CHECKED: neither docker-compose nor docker compose is installed (apt-get install docker-compose)")
	}
	t.Logf("read by %s", strings.Join(tried, ", "))
}

// TestTerraform: valid, formatted, and its own tests pass with a made-up AWS.
func TestTerraform(t *testing.T) {
	terraform := tool(t, "terraform", "https://developer.hashicorp.com/terraform/install")
	out, err := exec.CommandContext(t.Context(), terraform, "fmt", "-check", "-recursive", "terraform").CombinedOutput()
	require.NoError(t, err, string(out))
	plugins := os.Getenv("TF_PLUGIN_DIR")
	if plugins == "" {
		t.Skip("FORMATTED, NOT VALIDATED: TF_PLUGIN_DIR names no folder with the AWS provider (terraform providers mirror)")
	}
	for _, env := range []string{"dev", "prod"} {
		t.Setenv("TF_DATA_DIR", t.TempDir())
		init := []string{"init", "-backend=false", "-input=false", "-plugin-dir=" + plugins}
		for _, args := range [][]string{init, {"validate", "-no-color"}, {"test", "-no-color"}} {
			out, err := exec.CommandContext(t.Context(), terraform, append([]string{"-chdir=terraform/envs/" + env}, args...)...).CombinedOutput()
			require.NoError(t, err, "%s: %s", args, out)
		}
	}
}
