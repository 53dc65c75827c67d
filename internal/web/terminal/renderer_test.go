package terminal_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/web/terminal"
)

// render renders all of a text at once.
func render(text string) []terminal.Line {
	var r terminal.Renderer
	lines := r.Write([]byte(text))
	if line, ok := r.Flush(); ok {
		lines = append(lines, line)
	}
	return lines
}

func markup(text string) string {
	var parts []string
	for _, l := range render(text) {
		parts = append(parts, l.HTML)
	}
	return strings.Join(parts, "\n")
}

func TestWhatCommandsWrite(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"lines":                  {"one\ntwo\n", "one\ntwo"},
		"an empty line":          {"a\n\nb", "a\n\nb"},
		"carriage returns":       {"a\r\nb\r\n", "a\nb"},
		"a progress bar":         {" 1 %\r50 %\r100 %\n", "100 %"},
		"markup":                 {`<b onclick="x">&`, "&lt;b onclick=&#34;x&#34;&gt;&amp;"},
		"a colour":               {"\x1b[31mred\x1b[0m plain", `<span class="f1">red</span> plain`},
		"bold and a bright one":  {"\x1b[1;92mok", `<span class="b f10">ok</span>`},
		"a ground":               {"\x1b[44mx\x1b[49my", `<span class="g4">x</span>y`},
		"one of 256":             {"\x1b[38;5;208mx", `<span class="f208">x</span>`},
		"one of 16 million":      {"\x1b[38;2;255;0;0mx", `<span class="f196">x</span>`},
		"with colons":            {"\x1b[38:2::0:0:255mx", `<span class="f21">x</span>`},
		"one that is none":       {"\x1b[38;5;999mx", "x"},
		"a reset without number": {"\x1b[31ma\x1b[mb", `<span class="f1">a</span>b`},
		"a colour over lines":    {"\x1b[32ma\nb\x1b[0m", "<span class=\"f2\">a</span>\n<span class=\"f2\">b</span>"},
		"the cursor":             {"\x1b[2J\x1b[1;1Hx\x1b[K", "x"},
		"a private sequence":     {"\x1b[?25lx\x1b[>4;1my", "xy"},
		"a title":                {"\x1b]0;title\x07x", "x"},
		"a link":                 {"\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"},
		"a sequence without end": {"\x1b]0;hides\nseen", "\nseen"},
		"two letters":            {"\x1b(Bx", "Bx"},
		"NUL":                    {"a\x00b", `a<span class="ctl">␀</span>b`},
		"a bell":                 {"\x07", `<span class="ctl">␇</span>`},
		"no UTF-8":               {"a\xffb", `a<span class="ctl">\xFF</span>b`},
		"half a character":       {"a\xe2\x82", `a<span class="ctl">\xE2</span><span class="ctl">\x82</span>`},
		"text turned round":      {"a\u202eb", `a<span class="ctl">U+202E</span>b`},
		"no width":               {"a\u200bb", `a<span class="ctl">U+200B</span>b`},
		"a line of its own":      {"a\u2028b", `a<span class="ctl">U+2028</span>b`},
		"other scripts":          {"зима 冬 ❄", "зима 冬 ❄"},
		"a tab":                  {"a\tb", "a\tb"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, markup(c.in)) })
	}
}

// TestALineWithoutEndIsCut: a megabyte without a line's end is many lines of a
// bounded length, and nothing of it is lost.
func TestALineWithoutEndIsCut(t *testing.T) {
	lines := render(strings.Repeat("x", 1<<20))
	require.Len(t, lines, 1<<20/terminal.MaxLine)
	total := 0
	for i, l := range lines {
		require.LessOrEqual(t, len(l.HTML), terminal.MaxLine)
		require.Equal(t, i > 0, l.Continues)
		total += len(l.HTML)
	}
	require.Equal(t, 1<<20, total)
	require.True(t, render("a\n" + strings.Repeat("y", terminal.MaxLine) + "\nz")[2].Continues, "the rest of a long line, even if it is empty")
}

// tags are all that may stand in a line.
var tags = regexp.MustCompile(`<span class="([bdiuxr]|[fg][0-9]{1,3}|ctl)( ([bdiuxr]|[fg][0-9]{1,3}))*">|</span>`)

// harmless fails unless a line is text between balanced spans.
func harmless(t require.TestingT, line string) {
	require.True(t, utf8.ValidString(line), "%q", line)
	depth := 0
	for _, tag := range tags.FindAllString(line, -1) {
		if tag == "</span>" {
			depth--
		} else {
			depth++
		}
		require.Contains(t, []int{0, 1}, depth, "spans in spans, or ends without a begin: %q", line)
	}
	require.Zero(t, depth, "%q", line)
	text := tags.ReplaceAllString(line, "")
	require.NotContains(t, text, "<")
	require.NotContains(t, text, ">")
	require.NotContains(t, text, `"`)
	for _, r := range html.UnescapeString(text) {
		require.False(t, r < 0x20 && r != '\t' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069, "%q in %q", r, line)
	}
}

// pieces make texts that look like what is dangerous.
func pieces() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"\x1b", "\x1b[", "\x1b]8;;", "\x1b[31m", "\x1b[0m", "\x1b[38;5;", "\x1b[48;2;1;2;3m", "\x07", "\x1b\\", "m", ";", "<", ">", "\"", "'", "&", "</span>", "<script>", "\n", "\r", "\r\n", "\x00", "\x7f", "\x9b31m", "\u202e", "\u2066", "\ufeff", "\xff", "\xe2\x82", "\xf0\x9f", "é", "冬", "\u0085"}),
		rapid.StringN(0, 5, 20),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) }),
	)
}

// TestNothingThatIsWrittenDoesHarm, and how it is cut into chunks changes
// nothing.
func TestNothingThatIsWrittenDoesHarm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for _, p := range rapid.SliceOfN(pieces(), 0, 40).Draw(t, "pieces") {
			b.WriteString(p)
		}
		whole := b.String()
		want := render(whole)
		for _, l := range want {
			harmless(t, l.HTML)
		}
		var r terminal.Renderer
		var got []terminal.Line
		for rest := whole; rest != ""; {
			n := rapid.IntRange(1, min(len(rest), 7)).Draw(t, "chunk")
			got = append(got, r.Write([]byte(rest[:n]))...)
			rest = rest[n:]
		}
		if l, ok := r.Flush(); ok {
			got = append(got, l)
		}
		require.Equal(t, want, got)
	})
}

func FuzzRenderer(f *testing.F) {
	for _, seed := range []string{"", "\x1b[31mred\x1b[0m\n", "<script>\x00\xff\u202e", "\x1b]8;;x\x07y", "a\rb\r\nc"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, l := range render(string(data)) {
			harmless(t, l.HTML)
		}
	})
}
