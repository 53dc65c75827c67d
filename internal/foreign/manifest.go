package foreign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

// manifest reads Kubernetes manifests: CronJobs, lists of them, several
// documents in one file.
func (r *reader) manifest(f File) error {
	docs, err := documents(f.Name, f.Data)
	if err != nil {
		return err
	}
	for _, d := range docs {
		r.object(f, d)
	}
	return nil
}

func (r *reader) object(f File, n *node) {
	kind := n.get("kind").str()
	switch {
	case kind == "" && len(n.get("items").list()) == 0:
		if len(n.keys) > 0 || n.scalar {
			r.remark(at(f.Name, n.line), "Left out: it has no kind: not a Kubernetes manifest.")
		}
	case kind == "CronJob":
		r.cronJob(f, n)
	case strings.HasSuffix(kind, "List") || kind == "":
		for _, item := range n.get("items").list() {
			if item.get("kind") == nil && kind == "CronJobList" {
				r.cronJob(f, item)
				continue
			}
			r.object(f, item)
		}
	default:
		r.remark(at(f.Name, n.line), fmt.Sprintf("Left out: %s %s is no CronJob.", kind, n.get("metadata", "name").str()))
	}
}

// cronJob is one CronJob on its way.
type cronJob struct {
	job     job.Job
	remarks []string
}

func (c *cronJob) remark(format string, args ...any) {
	c.remarks = append(c.remarks, fmt.Sprintf(format, args...))
}

func (r *reader) cronJob(f File, n *node) {
	c := &cronJob{job: job.Default()}
	c.job.Cluster = r.options.Cluster
	c.metadata(n.get("metadata"))
	spec := n.get("spec")
	c.when(spec)
	c.policies(spec)
	template := spec.get("jobTemplate", "spec")
	pod := template.get("template", "spec")
	c.attempts(template, pod)
	c.pod(pod)
	origin := fmt.Sprintf("CronJob %s, schedule %q", n.get("metadata", "name").str(), spec.get("schedule").str())
	r.add(Entry{From: at(f.Name, n.line), Job: &c.job, Remarks: c.remarks}, origin)
}

func (c *cronJob) metadata(n *node) {
	c.job.Name = n.get("name").str()
	if c.job.Name == "" {
		c.job.Name = word(n.get("generateName").str())
	}
	if ns := n.get("namespace").str(); ns != "" && ns != "default" {
		c.job.Name = ns + "/" + c.job.Name
	}
	if labels := n.get("labels"); labels != nil {
		for _, key := range labels.keys {
			value := labels.get(key).str()
			if len(key) > job.MaxLabel || key == "" {
				c.remark("metadata.labels: %s: the name is longer than the %d characters of a label here.", key, job.MaxLabel)
				continue
			}
			if c.job.Labels == nil {
				c.job.Labels = map[string]string{}
			}
			c.job.Labels[key] = value
		}
	}
	if others := n.get("annotations").others("kubectl.kubernetes.io/last-applied-configuration"); len(others) > 0 {
		c.remark("metadata.annotations: %s.", strings.Join(others, ", "))
	}
}

// when takes the schedule and the zone.
func (c *cronJob) when(spec *node) {
	text := spec.get("schedule").str()
	expression, zone, remarks := cronJobExpression(text)
	c.remarks = append(c.remarks, remarks...)
	if expression != strings.Join(strings.Fields(text), " ") && zone == "" {
		c.remark("schedule: %q there is %q here.", text, expression)
	}
	c.job.Schedule = expression
	if expression == "" {
		c.remark("There is no schedule: the job runs only when asked to.")
		zone = "UTC"
	}
	if z := spec.get("timeZone").str(); z != "" {
		zone = z
	}
	if zone == "" {
		zone = "UTC"
		c.remark("timeZone is not given: the zone of Kubernetes' controller is taken to be UTC.")
	}
	c.job.Timezone = zone
}

// policies takes what the CronJob says about runs that meet or are missed.
func (c *cronJob) policies(spec *node) {
	c.job.Paused = spec.get("suspend").str() == "true"
	switch policy := spec.get("concurrencyPolicy").str(); policy {
	case "", "Allow":
		c.job.Overlap = job.OverlapAllow
	case "Forbid":
		c.job.Overlap = job.OverlapSkip
	case "Replace":
		c.job.Overlap = job.OverlapReplace
	default:
		c.remark("concurrencyPolicy: %s is not known.", policy)
	}
	if d, ok := c.seconds("startingDeadlineSeconds", spec); ok && d > 0 {
		c.job.StartDeadline = d
		c.job.CatchUp.Window = d
	} else if ok {
		c.remark("startingDeadlineSeconds: 0 would let nothing start; no deadline is set.")
	}
	c.leave("spec", spec, "schedule", "timeZone", "suspend", "concurrencyPolicy", "startingDeadlineSeconds", "jobTemplate")
}

// attempts takes how often and how long.
func (c *cronJob) attempts(template, pod *node) {
	const kubernetesDefault = 6
	c.job.Retries = kubernetesDefault
	c.job.RetryBackoff.Max = 6 * time.Minute // as Kubernetes has it
	if limit := template.get("backoffLimit").str(); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 0 {
			c.remark("backoffLimit: %s is not a number.", limit)
			n = kubernetesDefault
		}
		if n > job.MaxRetries {
			c.remark("backoffLimit: %d is more than the %d retries a job may have.", n, job.MaxRetries)
			n = job.MaxRetries
		}
		c.job.Retries = n
	} else {
		c.remark("backoffLimit is not given: %d, as in Kubernetes.", kubernetesDefault)
	}
	if c.job.Retries == 0 {
		c.job.RetryBackoff = job.Default().RetryBackoff
	}
	if d, ok := c.seconds("activeDeadlineSeconds", template); ok {
		c.job.Timeout = d
		if c.job.Retries > 0 {
			c.remark("activeDeadlineSeconds: counted over all attempts there, for each attempt here.")
		}
	}
	if d, ok := c.seconds("activeDeadlineSeconds", pod); ok && (c.job.Timeout == 0 || d < c.job.Timeout) {
		c.job.Timeout = d
	}
	c.leave("spec.jobTemplate.spec", template, "backoffLimit", "activeDeadlineSeconds", "template")
}

// seconds reads a number of seconds.
func (c *cronJob) seconds(key string, from *node) (time.Duration, bool) {
	text := from.get(key).str()
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	most := int64(job.MaxDuration / time.Second)
	switch {
	case err != nil || n < 0:
		c.remark("%s: %s is not a number of seconds.", key, text)
		return 0, false
	case n > most:
		c.remark("%s: %s is longer than the 366 days a duration may have.", key, text)
		n = most
	}
	return time.Duration(n) * time.Second, true
}

// pod takes what is run: the first container.
func (c *cronJob) pod(pod *node) {
	containers := pod.get("containers").list()
	if len(containers) == 0 {
		c.remark("It has no container.")
		containers = []*node{nil}
	}
	first := containers[0]
	for _, other := range containers[1:] {
		c.remark("containers: %s is left out: a job has one command.", other.get("name").str())
	}
	for _, other := range pod.get("initContainers").list() {
		c.remark("initContainers: %s is left out: a job has one command.", other.get("name").str())
	}
	c.env(first)
	c.command(first)
	c.job.WorkingDir = first.get("workingDir").str()
	if policy := pod.get("restartPolicy").str(); policy == "OnFailure" {
		c.remark("restartPolicy: OnFailure restarts the container where it is; a retry here may be on any worker of the cluster.")
	}
	c.leave("containers["+first.get("name").str()+"]", first, "name", "command", "args", "env", "workingDir", "envFrom")
	c.leave("pod", pod, "containers", "initContainers", "activeDeadlineSeconds", "restartPolicy")
}

// leave names what is at a place and has no counterpart, short values with
// it. What only says again what holds anyway is not worth a word.
func (c *cronJob) leave(where string, n *node, known ...string) {
	idle := []string{"terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy", "dnsPolicy", "schedulerName"}
	for _, key := range n.others(append(known, idle...)...) {
		value := n.get(key)
		if value.scalar && len(value.text) < 200 {
			c.remark("%s.%s: %s", where, key, value.text)
			continue
		}
		names := slices.Clone(value.keys)
		for _, item := range value.list() {
			if name := item.get("name").str(); name != "" {
				names = append(names, name)
			}
		}
		detail := ""
		if len(names) > 0 {
			detail = " (" + strings.Join(names, ", ") + ")"
		}
		c.remark("%s.%s%s", where, key, detail)
	}
}

// env takes the variables whose values stand in the manifest.
func (c *cronJob) env(container *node) {
	for _, e := range container.get("env").list() {
		name := e.get("name").str()
		if from := e.get("valueFrom"); from != nil {
			c.remark("env: %s comes from %s.", name, strings.Join(from.keys, ", "))
			continue
		}
		value := expand(e.get("value").str(), c.job.Env)
		probe := job.Job{Name: "x", Command: []string{"x"}, Cluster: "x", Env: map[string]string{name: value}}
		if wrong := probe.WithDefaults().Validate(); len(wrong) > 0 {
			c.remark("env: %s: %s.", name, wrong[0].Message)
			continue
		}
		if c.job.Env == nil {
			c.job.Env = map[string]string{}
		}
		c.job.Env[name] = value
	}
	for _, e := range container.get("envFrom").list() {
		for _, key := range e.keys {
			c.remark("envFrom: %s %s.", key, e.get(key, "name").str())
		}
	}
}

// command takes command and args, with $(NAME) replaced.
func (c *cronJob) command(container *node) {
	words := container.get("command").list()
	args := container.get("args").list()
	var command []string
	for _, w := range append(slices.Clone(words), args...) {
		command = append(command, expand(w.str(), c.job.Env))
	}
	if len(words) > 0 {
		c.job.Command = command
		return
	}
	image := container.get("image").str()
	c.remark("No command is given: the entry point of the image is run. Say here what that is; until then the job is paused.")
	if len(args) > 0 {
		c.remark("args: %s", strings.Join(command, " "))
	}
	c.job.Paused = true
	c.job.Command = []string{"/bin/sh", "-c", "echo >&2 'this job stood for the entry point of " + strings.ReplaceAll(image, "'", "") + "'; exit 1"}
}

// expand replaces $(NAME) as Kubernetes does: names that are not known stay,
// and $$ stands for $.
func expand(text string, env map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		switch text[i+1] {
		case '$':
			b.WriteByte('$')
			i++
		case '(':
			end := strings.IndexByte(text[i:], ')')
			if end < 0 {
				b.WriteByte('$')
				continue
			}
			value, known := env[text[i+2:i+end]]
			if !known {
				value = text[i : i+end+1]
			}
			b.WriteString(value)
			i += end
		default:
			b.WriteByte('$')
		}
	}
	return b.String()
}
