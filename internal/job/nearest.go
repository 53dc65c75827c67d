package job

import "strings"

// nearest returns the word of words that is most likely meant by word, or ""
// if none is near: at most a third of its letters may differ.
func nearest(word string, words []string) string {
	const longest = 64
	best, least := "", len(word)/3+1
	if len(word) > longest {
		return ""
	}
	for _, w := range words {
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for k := range last {
		last[k] = k
	}
	for i := range len(a) {
		row[0] = i + 1
		for k := range len(b) {
			cost := 1
			if a[i] == b[k] {
				cost = 0
			}
			row[k+1] = min(last[k+1]+1, row[k]+1, last[k]+cost)
			if i > 0 && k > 0 && a[i] == b[k-1] && a[i-1] == b[k] {
				row[k+1] = min(row[k+1], before[k-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// didYouMean is the hint for a word that is none of words: the nearest, else
// all of them.
func didYouMean(word string, words []string) string {
	if w := nearest(word, words); w != "" {
		return "did you mean " + w + "?"
	}
	return "expected one of " + strings.Join(words, ", ")
}
