package main

import (
	"os"
	"path/filepath"
	"regexp"
)

// reallyCaused are the alerts that test/alerts causes.
func reallyCaused(root string) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join(root, "test/alerts/*_test.go"))
	if err != nil {
		return nil, err
	}
	caused := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, m := range regexp.MustCompile(`alert:\s+"([A-Za-z]+)"`).FindAllStringSubmatch(string(text), -1) {
			caused[m[1]] = true
		}
	}
	return caused, nil
}
