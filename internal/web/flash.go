package web

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/http"
	"strings"
)

// flash is what a change came to, told on the next page.
type flash struct {
	Tone tone
	Text string
}

// maxFlash keeps the cookie small.
const maxFlash = 1500

// setFlash leaves a flash for the next page. It is text that is escaped like any
// other, so that nobody gains from forging it.
func setFlash(w http.ResponseWriter, f flash) {
	text := f.Text
	if len(text) > maxFlash {
		text = strings.ToValidUTF8(text[:maxFlash], "") + "…"
	}
	http.SetCookie(w, &http.Cookie{
		Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(string(f.Tone) + " " + text)),
		Path: "/", MaxAge: 60, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// takeFlash reads the flash that was left, and removes it.
func takeFlash(w http.ResponseWriter, r *http.Request) *flash {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	t, rest, _ := strings.Cut(string(text), " ")
	if tone(t) != good {
		t = string(bad)
	}
	return &flash{Tone: tone(t), Text: rest}
}

// quicklyZipped compresses what is made for one reader.
func quicklyZipped(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level exists
	_, _ = w.Write(data)                            // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}
