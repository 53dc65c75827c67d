package run

import (
	"cmp"
	"slices"
)

// Claims is what a worker's beat says of its claims. A life of a worker numbers
// the runs that it claims 1, 2, …, in the order of its decisions; a number
// never comes back, also if the claim came to nothing.
type Claims struct {
	// Last is the highest number given so far.
	Last int64 `json:"last"`
	// Held and Started are the numbers of the runs it answers for, split by
	// whether `starting` was sent.
	Held    []Row `json:"held,omitempty"`
	Started []Row `json:"started,omitempty"`
	// Unlisted is how many more runs it answers for: nobody can conclude from
	// such a beat that it does not hold one.
	Unlisted int `json:"unlisted,omitzero"`
}

// Lacks reports whether the worker says that it does not answer for the claim
// of that number: it had given the number, and lists all but this.
func (c *Claims) Lacks(number int64) bool {
	return number <= c.Last && c.Unlisted == 0 && !within(c.Held, number) && !within(c.Started, number)
}

// Count returns how many numbers the rows hold.
func Count(rows []Row) int {
	n := 0
	for _, r := range rows {
		n += int(r[1]-r[0]) + 1
	}
	return n
}

// Row is a row of numbers, from the first to the last of them.
type Row [2]int64

// Rows returns the fewest rows that hold the numbers and no others, in
// ascending order. It sorts numbers.
func Rows(numbers []int64) []Row {
	slices.Sort(numbers)
	var all []Row
	for _, n := range numbers {
		if last := len(all) - 1; last >= 0 && n <= all[last][1]+1 {
			all[last][1] = n
			continue
		}
		all = append(all, Row{n, n})
	}
	return all
}

// within reports whether one of the rows, which are in ascending order, holds
// the number.
func within(rows []Row, number int64) bool {
	i, _ := slices.BinarySearchFunc(rows, number, func(r Row, n int64) int { return cmp.Compare(r[1], n) })
	return i < len(rows) && rows[i][0] <= number
}
