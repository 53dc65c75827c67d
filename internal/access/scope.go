package access

import "slices"

// Scope is what a role is limited to. The zero Scope is no limit.
type Scope struct {
	// Clusters are those whose jobs are meant; none means all.
	Clusters []string `json:"clusters,omitempty"`
	// Labels must all be among a job's, with these values.
	Labels map[string]string `json:"labels,omitempty"`
}

// Whole reports whether s is no limit.
func (s Scope) Whole() bool { return len(s.Clusters) == 0 && len(s.Labels) == 0 }

// Covers reports whether a job of that cluster with those labels is meant.
func (s Scope) Covers(cluster string, labels map[string]string) bool {
	if len(s.Clusters) > 0 && !slices.Contains(s.Clusters, cluster) {
		return false
	}
	for key, value := range s.Labels {
		if got, ok := labels[key]; !ok || got != value {
			return false
		}
	}
	return true
}
