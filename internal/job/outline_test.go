package job

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// itemSeeds are YAML files whose jobs can be read one at a time.
func itemSeeds(t *testing.T) []string {
	seeds := []string{`jobs:
  - name: a/b-1
    schedule: "*/5 * * * mon"   
    command: /bin/x 'it''s' | y > z && w:v 100%  a#b
    labels: {team: "t 1", on: 'x y', n: 5,o: .5}
    # a comment
    env:
      A: b

      C: ''
    retry_backoff:
        initial: 5s
        factor: 1.5
  - {name: b, schedule: "@hourly", command: [echo, "a, b", 'c: d', 7]}
  -   name: c
      command: echo "x:y"
      retries: 0x1F
      paused: true
`, `clusters: [x]
defaults: &d
  retries: 3
jobs: # all
- name: a
  command: &c |
    echo
    - name: b
  env: {A: "\t"}
- <<: *d
  name: b
  command: *c
- name: null
  command: ~
- name: c
  command: it goes
    on
`}
	for _, path := range []string{"yaml_good", "yaml_form", "yaml_fields", "calendars"} {
		data, err := os.ReadFile("testdata/golden/" + path)
		require.NoError(t, err)
		for part := range strings.SplitSeq(string(data), "\nparse\n") {
			input, _, _ := strings.Cut(part, "\n----")
			if strings.Contains(input, "jobs:\n") {
				seeds = append(seeds, input+"\n")
			}
		}
	}
	return seeds
}

// TestItemsAreAsTheWholeFile: an item read by itself, by the parser or without
// it, is what the parser finds in the whole file, down to the column.
func TestItemsAreAsTheWholeFile(t *testing.T) {
	seeds := itemSeeds(t)
	exact := cmp.AllowUnexported(node{}, entry{}, place{})
	// Where nothing stands, or a text of several lines, the parser says by what
	// comes next.
	alike := cmp.Comparer(func(a, b place) bool { return a == b || a.length+b.length == 0 })
	plainly, parsed := 0, 0
	for i := range 20_000 {
		text := seeds[i%len(seeds)]
		if i >= len(seeds) {
			text = mutate(text, uint64(i))
		}
		s, problem := newSource(File{Name: "jobs.yaml", Data: []byte(text)})
		if problem != nil {
			continue
		}
		o, ok := newOutline(s)
		if !ok {
			continue
		}
		items := newTree(s)
		if head, _ := items.readHead(o); head == nil {
			continue
		}
		root, problems := newTree(s).document(text)
		for k, text := range o.items {
			plain := readPlain(s, text)
			job, _, ok := items.readItem(text)
			if !ok {
				require.Nil(t, plain, text.text)
				break // the whole file is read from here on
			}
			if root == nil || len(problems) > 0 {
				continue // a later item is no YAML, or is refused
			}
			require.Greater(t, len(root.entries[len(root.entries)-1].value.items), k, s.text)
			if plain != nil {
				plainly++
			}
			whole := root.entries[len(root.entries)-1].value.items[k]
			parsed++
			require.Empty(t, cmp.Diff(whole, job, exact, alike), s.text)
			if plain != nil {
				require.Empty(t, cmp.Diff(job, plain, exact), s.text)
			}
		}
	}
	require.Greater(t, plainly, 5000)
	require.Greater(t, parsed, 10_000)
}
