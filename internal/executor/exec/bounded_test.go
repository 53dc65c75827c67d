package exec_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/executor/exec"
	"github.com/belfry-cron/belfry/internal/run"
)

func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// show writes chunks down, one word each.
func show(chunks []run.Output) string {
	var words []string
	for _, c := range chunks {
		word := fmt.Sprintf("%d:", c.Seq)
		switch {
		case c.CutBytes > 0:
			word += fmt.Sprintf("cut(%d)", c.CutBytes)
		case c.Stream != "":
			word += fmt.Sprintf("%s(%s)", c.Stream[3:], c.Data)
		}
		if c.Last {
			word += "."
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestBounded(t *testing.T) {
	type write struct{ stream, text string }
	out := func(s string) write { return write{exec.Stdout, s} }
	err := func(s string) write { return write{exec.Stderr, s} }
	flush := write{}
	for name, tt := range map[string]struct {
		writes     []write
		want, tail string
		cut        int64
	}{
		"nothing":               {nil, "", "", 0},
		"a little":              {[]write{out("hey")}, "0:out(hey).", "hey", 0},
		"gathered":              {[]write{out("a"), err("x"), out("b")}, "0:out(ab) 1:err(x).", "axb", 0},
		"older first":           {[]write{err("x"), out("a")}, "0:err(x) 1:out(a).", "xa", 0},
		"flushed":               {[]write{out("a"), flush, out("b"), flush, flush}, "0:out(a) 1:out(b) 2:.", "ab", 0},
		"full chunks":           {[]write{out("abcde"), out("f")}, "0:out(abcd) 1:out(ef).", "abcdef", 0},
		"head exactly":          {[]write{out("abcdefgh")}, "0:out(abcd) 1:out(efgh) 2:.", "abcdefgh", 0},
		"head and whole tail":   {[]write{out("abcdefghij")}, "0:out(abcd) 1:out(efgh) 2:out(ij).", "abcdefghij", 0},
		"cut":                   {[]write{out("abcdefghijklmn")}, "0:out(abcd) 1:out(efgh) 2:cut(1) 3:out(jklm) 4:out(n).", "abcdefghijklmn", 1},
		"both cut":              {[]write{out("abcdefgh123456"), err("uvwxyz")}, "0:out(abcd) 1:out(efgh) 2:cut(2) 3:out(2345) 4:out(6) 5:err(vwxy) 6:err(z).", "abcdefgh123456uvwxyz", 2},
		"flood spares stderr":   {[]write{err("12345678"), err("e"), out("abcdefghijk")}, "0:err(1234) 1:err(5678) 2:cut(6) 3:out(ghij) 4:out(k) 5:err(e).", "12345678eabcdefghijk", 6},
		"many writes past head": {[]write{out("12345678"), out("abc"), out("def"), out("gh")}, "0:out(1234) 1:out(5678) 2:cut(3) 3:out(defg) 4:out(h).", "12345678abcdefgh", 3},
	} {
		t.Run(name, func(t *testing.T) {
			var chunks []run.Output
			limits := exec.Limits{HeadBytes: 8, TailBytes: 5, ChunkBytes: 4}
			b := exec.NewBounded(limits, func(o run.Output) { chunks = append(chunks, o) })
			now, written := epoch(), 0
			for _, w := range tt.writes {
				now = now.Add(time.Millisecond)
				if w == flush {
					b.Flush()
					require.False(t, b.Waiting())
					continue
				}
				p := []byte(w.text)
				b.Write(w.stream, p, now)
				clear(p) // it is the caller's again
				written += len(p)
			}
			var o run.Outcome
			b.Finish(&o, now)
			require.Equal(t, tt.want, show(chunks))
			require.Empty(t, cmp.Diff(run.Outcome{OutputBytes: int64(written), OutputCutBytes: tt.cut, Tail: tt.tail}, o))
		})
	}
}

func TestBoundedTail(t *testing.T) {
	fill := strings.Repeat("x", 4096)
	for name, tt := range map[string]struct{ written, want string }{
		"short":                 {"grüße\n", "grüße\n"},
		"the last 4 KiB":        {"gone" + fill, fill},
		"cut in a character":    {"€" + fill[:4095], fill[:4095]},
		"begins in one, uncut":  {"\x82\xacabc", "\ufffdabc"},
		"ends in a character":   {"abc\xe2\x82", "abc\ufffd"},
		"no text at all":        {"a\xff\xfe\xfdb", "a\ufffdb"},
		"longer once made text": {strings.Repeat("a\xff", 2048), strings.Repeat("a\ufffd", 1024)},
	} {
		t.Run(name, func(t *testing.T) {
			b := exec.NewBounded(exec.Limits{}, func(run.Output) {})
			b.Write(exec.Stdout, []byte(tt.written), epoch())
			var o run.Outcome
			b.Finish(&o, epoch())
			require.Equal(t, tt.want, o.Tail)
		})
	}
}

// Whatever is written: each stream comes out in order, its head and its
// tail whole, every byte either kept or counted as cut, within the limits.
func TestBoundedProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := exec.Limits{
			HeadBytes:  rapid.IntRange(1, 60).Draw(t, "head"),
			TailBytes:  rapid.IntRange(1, 30).Draw(t, "tail"),
			ChunkBytes: rapid.IntRange(1, 20).Draw(t, "chunk"),
		}
		var chunks []run.Output
		b := exec.NewBounded(limits, func(o run.Output) { chunks = append(chunks, o) })
		head, rest := map[string][]byte{}, map[string][]byte{}
		var all []byte
		for range rapid.IntRange(0, 20).Draw(t, "writes") {
			stream := rapid.SampledFrom([]string{exec.Stdout, exec.Stderr}).Draw(t, "stream")
			p := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "p")
			b.Write(stream, p, epoch())
			for _, c := range p {
				if len(all) < limits.HeadBytes {
					head[stream] = append(head[stream], c)
				} else {
					rest[stream] = append(rest[stream], c)
				}
				all = append(all, c)
			}
			if rapid.Bool().Draw(t, "flush") {
				b.Flush()
			}
		}
		var o run.Outcome
		b.Finish(&o, epoch())

		got := map[string][]byte{}
		var cut int64
		for i, c := range chunks {
			require.Equal(t, i, c.Seq)
			require.Equal(t, i == len(chunks)-1, c.Last)
			require.LessOrEqual(t, len(c.Data), limits.ChunkBytes)
			got[c.Stream] = append(got[c.Stream], c.Data...)
			cut += c.CutBytes
		}
		kept := 0
		for _, s := range []string{exec.Stdout, exec.Stderr} {
			tail := rest[s][max(0, len(rest[s])-limits.TailBytes):]
			require.True(t, bytes.Equal(append(head[s], tail...), got[s]), "%s: %q", s, got[s])
			kept += len(got[s])
		}
		require.Equal(t, int64(len(all)), o.OutputBytes)
		require.Equal(t, int64(len(all)-kept), o.OutputCutBytes)
		require.Equal(t, o.OutputCutBytes, cut)
		require.True(t, utf8.ValidString(o.Tail))
		require.LessOrEqual(t, len(o.Tail), 4096)
	})
}

// Output waits for its chunk to fill no longer than it may.
func TestStreamFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(chan run.Output, 10)
		s := exec.NewStream(exec.Limits{ChunkBytes: 8}, func(o run.Output) { chunks <- o })
		for round := range 3 {
			begin := time.Now()
			s.Output(exec.Stdout, []byte("tick"))
			s.Output(exec.Stderr, []byte("tock"))
			first, second := <-chunks, <-chunks
			require.Equal(t, 200*time.Millisecond, time.Since(begin))
			require.Equal(t, "tick", string(first.Data))
			require.Equal(t, "tock", string(second.Data))
			require.Equal(t, 2*round, first.Seq)
			require.True(t, first.At.Equal(begin))
		}

		begin := time.Now()
		s.Output(exec.Stdout, []byte("a full chunk"))
		require.Equal(t, "a full c", string((<-chunks).Data))
		require.Zero(t, time.Since(begin))

		var o run.Outcome
		s.Close(&o)
		last := <-chunks
		require.Equal(t, "hunk", string(last.Data))
		require.True(t, last.Last)
		require.Equal(t, int64(36), o.OutputBytes)
		synctest.Wait()
		require.Empty(t, chunks)
	})
}

// A whole run through both: everything arrives, once, in order.
func TestRunIntoStream(t *testing.T) {
	e := newExecutor(t, exec.Options{})
	var got bytes.Buffer
	var cut int64
	s := exec.NewStream(exec.Limits{HeadBytes: 100_000, TailBytes: 1000}, func(o run.Output) {
		got.Write(o.Data)
		cut += o.CutBytes
	})
	o := e.Run(t.Context(), exec.Command{Args: shell("seq 1 100000; echo done")}, s.Output)
	s.Close(&o)
	require.Equal(t, run.StateSucceeded, o.State)
	var want strings.Builder
	for i := range 100_000 {
		fmt.Fprintln(&want, i+1)
	}
	want.WriteString("done\n")
	require.Equal(t, int64(want.Len()), o.OutputBytes)
	require.Equal(t, want.String()[:100_000]+want.String()[want.Len()-1000:], got.String())
	require.Equal(t, int64(want.Len()-101_000), cut)
	require.Equal(t, cut, o.OutputCutBytes)
	require.True(t, strings.HasSuffix(o.Tail, "100000\ndone\n"))
}
