// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// echoes are the ways in which the server of these tests quotes a request in its
// answer.
var echoes = []struct {
	name   string
	answer func(rw http.ResponseWriter, r *http.Request, said string)
}{
	{"JSON", func(rw http.ResponseWriter, r *http.Request, said string) { answers(400, reasons(said))(rw, r) }},
	{"JSON, permission denied", func(rw http.ResponseWriter, r *http.Request, said string) {
		answers(403, reasons("permission denied", said))(rw, r)
	}},
	{"JSON, an error of the server", func(rw http.ResponseWriter, r *http.Request, said string) { answers(500, reasons(said))(rw, r) }},
	{"JSON of base64", func(rw http.ResponseWriter, r *http.Request, said string) {
		answers(400, reasons(base64.StdEncoding.EncodeToString([]byte(said))))(rw, r)
	}},
	{"JSON of an escaped URL", func(rw http.ResponseWriter, r *http.Request, said string) {
		answers(400, reasons(url.QueryEscape(said)))(rw, r)
	}},
	{"JSON with all escaped", func(rw http.ResponseWriter, r *http.Request, said string) {
		var b strings.Builder
		for _, c := range said {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		answers(400, `{"errors":["`+b.String()+`"]}`)(rw, r)
	}},
	{"HTML", func(rw http.ResponseWriter, r *http.Request, said string) {
		answers(502, "<html><body>"+html.EscapeString(said)+"</body></html>")(rw, r)
	}},
	{"text", func(rw http.ResponseWriter, r *http.Request, said string) { answers(400, said)(rw, r) }},
	{"errors beside data", func(rw http.ResponseWriter, r *http.Request, said string) {
		answers(200, strings.Replace(reasons(said), "{", `{"other":1,`, 1))(rw, r)
	}},
	{"a redirect", func(rw http.ResponseWriter, r *http.Request, said string) {
		rw.Header().Set("Location", "http://elsewhere.test/"+url.PathEscape(said))
		rw.WriteHeader(307)
	}},
	{"a redirect to what is no URL", func(rw http.ResponseWriter, r *http.Request, said string) {
		rw.Header().Set("Location", "http://"+strings.Join(strings.Fields(said), " ")+"%zz")
		rw.WriteHeader(307)
	}},
	{"what is not HTTP", func(rw http.ResponseWriter, r *http.Request, said string) {
		connection, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer connection.Close()
		fmt.Fprintf(connection, "%s\r\n\r\n", said)
	}},
}

func reasons(texts ...string) string {
	text, err := json.Marshal(map[string][]string{"errors": texts})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// echo lets the server quote each login, each renewal of the token and each request to
// the PKI and the KV store: first in an answer of each kind to each path, then in the
// warnings of the right answer.
func (w *world) echo(c *canaries) (quoted func() bool) {
	var mu sync.Mutex
	asked := map[string]int{}
	done := map[bool]bool{} // by whether it was a login
	w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		login := strings.HasSuffix(r.URL.Path, "/login") || strings.HasSuffix(r.URL.Path, "/lookup-self")
		of := strings.HasPrefix(r.URL.Path, "/v1/pki/") || strings.HasPrefix(r.URL.Path, "/v1/secret/") || strings.HasSuffix(r.URL.Path, "/renew-self")
		if r.Header.Get("X-Echoed") != "" || !login && !of {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		token := r.Header.Get("X-Vault-Token")
		c.add("token", token)
		var sent map[string]any
		_ = json.Unmarshal(body, &sent)
		said := fmt.Sprintf("invalid request: %s %v with token %s", body, sent, token)
		mu.Lock()
		n := asked[r.URL.Path]
		asked[r.URL.Path]++
		if n >= len(echoes) {
			done[login] = true
		}
		mu.Unlock()
		if n < len(echoes) && !(n > 0 && strings.HasPrefix(r.URL.Path, "/v1/pki/sign/")) { // a bundle's back-off is slow
			echoes[n].answer(rw, r, said)
			return true
		}
		again := r.Clone(r.Context())
		again.Header.Set("X-Echoed", "1")
		again.Body = io.NopCloser(bytes.NewReader(body))
		recorder := httptest.NewRecorder()
		w.Dev.ServeHTTP(recorder, again)
		var answer map[string]any
		text := recorder.Body.Bytes()
		if json.Unmarshal(text, &answer) == nil {
			answer["warnings"] = []string{said, strings.Repeat("a long warning; ", 10_000)}
			text, _ = json.Marshal(answer)
		}
		rw.WriteHeader(recorder.Code)
		_, _ = rw.Write(text)
		return true
	})
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return done[true] && done[false]
	}
}

// A server, or a proxy in front of it, that quotes what it was sent gives no secret
// away, whatever the form of its answer and the level of the log.
func TestEchoedSecretsDoNotLeak(t *testing.T) {
	for _, m := range methods {
		if m.name == "cert" {
			continue // it sends no credential
		}
		t.Run(m.name, func(t *testing.T) {
			w := newWorld(t)
			var c canaries
			m.setUp(w, &c)
			c.add("role id", w.Read("roleid"))
			w.PutKV("written", map[string]any{"value": "x"})
			quoted := w.echo(&c)
			const param = "canary-of-a-parameter"
			c.add("parameter", param)
			text := "vault { address = \"ADDRESS\" }\nauto_auth {\n" + m.block + "\n min_backoff = \"1ms\"\n max_backoff = \"20ms\"\n}\n}\n" + `
template {
	contents    = "{{ with secret \"secret/data/written\" \"value=` + param + `\" }}{{ .Data.version }}{{ end }}"
	destination = "DIR/written"
}
bundle "web" {
	directory = "DIR/web"
	certificate {
		role        = "pki/web"
		common_name = "example.test"
		files       = { cert = "tls.crt", key = "tls.key" }
	}
}
` + certificate(often, "")
			p := w.start(text, "-log-level=trace")
			harness.Eventually(t, "an answer to each kind of request", quoted)
			p.Says(logmsg.AllPublished)
			c.addKey(w.Read("tls/tls.key"))
			c.addKey(w.Read("web/tls.key"))
			p.stop()
			c.searched(t, "the output", p.String())
			for text, what := range c.texts { // in a form in which it can be read all the same
				for _, form := range []string{url.QueryEscape(text), html.EscapeString(text), strings.Trim(fmt.Sprintf("%q", text), `"`)} {
					if strings.Contains(p.String(), form) {
						t.Errorf("a secret, %s, is seen as %q", what, form)
					}
				}
			}
			for _, line := range strings.Split(p.String(), "\n") {
				if len(line) > 4096 {
					t.Errorf("a line of %d bytes: %.200s…", len(line), line)
				}
			}
			if !strings.Contains(p.String(), "[redacted]") {
				t.Error("nothing was hidden: did the server quote anything?")
			}
		})
	}
}
