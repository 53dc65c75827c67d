package job

import "strings"

// Background returns the word by which a command plainly leaves a process in
// the background: a last &, or nohup or setsid as a command of a shell's text
// or of the vector itself. Empty means that none does so.
func Background(command []string) string {
	if len(command) == 0 {
		return ""
	}
	text := command[len(command)-1]
	if len(command) < 3 || command[len(command)-2] != "-c" {
		return detaches(command[0])
	}
	start, quote := true, rune(0) // whether a command may begin; the open quote
	var word strings.Builder
	for _, c := range text + "\n" {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			start = false
		case c == '\'' || c == '"':
			quote = c
			start = false
		case strings.ContainsRune(" \t\n;|&(){}", c):
			if found := detaches(word.String()); start && found != "" {
				return found
			}
			begun := word.Len() > 0
			word.Reset()
			start = strings.ContainsRune("\n;|&(){", c) || start && !begun
		default:
			word.WriteRune(c)
		}
	}
	text = strings.TrimRight(text, " \t\n")
	if strings.HasSuffix(text, "&") && !strings.HasSuffix(text, "&&") && !strings.HasSuffix(text, `\&`) {
		return "&"
	}
	return ""
}

// detaches returns the name of a program that detaches another, empty for any
// other.
func detaches(word string) string {
	switch name := word[strings.LastIndexByte(word, '/')+1:]; name {
	case "nohup", "setsid":
		return name
	default:
		return ""
	}
}
