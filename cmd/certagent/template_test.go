// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// appTemplate is a template from a file.
const appTemplate = `
template {
  source               = "DIR/app.tpl"
  destination          = "DIR/app.conf"
  error_on_missing_key = true
  command              = ["sh", "-c", "echo changed >> DIR/changes"]
}
`

const goodTemplate = `{{ with secret "secret/data/app" }}password={{ .Data.data.password }}{{ end }}`

func TestTemplateFaults(t *testing.T) {
	for _, c := range []struct {
		name        string
		begin, heal func(w *world)
		want        []string
	}{{
		name:  "syntax error",
		begin: func(w *world) { w.Write("app.tpl", "first line\n{{ with secret \"secret/data/app\" }}never ended") },
		heal:  func(w *world) { w.Write("app.tpl", "mended "+goodTemplate) },
		want:  []string{logmsg.TemplateNotReloaded + ` .*path=\S*app.tpl`, `app.tpl:2.*unexpected EOF`},
	}, {
		name:  "unknown function",
		begin: func(w *world) { w.Write("app.tpl", `{{ secrte "secret/data/app" }}`) },
		heal:  func(w *world) { w.Write("app.tpl", "mended "+goodTemplate) },
		want:  []string{logmsg.TemplateNotReloaded, `app.tpl:1:4: unknown function \\"secrte\\"`},
	}, {
		name:  "missing key in a secret",
		begin: func(w *world) { w.PutKV("app", map[string]any{"user": "only"}) },
		heal:  func(w *world) { w.PutKV("app", map[string]any{"password": "two"}) },
		want:  []string{logmsg.RenderFailed, `app.tpl:1.*no entry for key.*password`},
	}, {
		name:  "secret deleted",
		begin: func(w *world) { _, err := w.Client.Logical().Delete("secret/data/app"); w.Check(err) },
		heal:  func(w *world) { w.PutKV("app", map[string]any{"password": "two"}) },
		want:  []string{logmsg.SecretNotRenewed + ` path=secret/data/app error=".*no secret exists at secret/data/app`, `hint="check the path`},
	}, {
		name: "another secret that there is not",
		begin: func(w *world) {
			w.Write("app.tpl", `{{ with secret "secret/data/nil" }}{{ .Data.data.password }}{{ end }}`)
		},
		heal: func(w *world) { w.Write("app.tpl", "mended "+goodTemplate) },
		want: []string{logmsg.SecretFailed + ` path=secret/data/nil error=".*no secret exists at secret/data/nil`, `hint="check the path`},
	}} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.Write("app.tpl", goodTemplate)
			p := w.start(login + eager + appTemplate + certificate(often, ""))
			p.Says(logmsg.AllPublished)
			harness.Eventually(t, "the file", func() bool { return w.Read("app.conf") == "password=one" })
			before := w.snapshot("app.conf")
			c.begin(w)
			for _, pattern := range c.want {
				p.Says(pattern)
			}
			renewed := p.Count(logmsg.Published + ` bundle=\S*tls`)
			p.SaysTimes(logmsg.Published+` bundle=\S*tls`, renewed+1) // other bundles go on
			before.same()
			p.Alive()
			c.heal(w)
			harness.Eventually(t, "the mended file", func() bool {
				now := w.Read("app.conf")
				return now == "password=two" || now == "mended password=one"
			})
			p.stop()
		})
	}
}

func TestTemplateFaultsAtStart(t *testing.T) {
	t.Run("missing_source", func(t *testing.T) {
		w := newWorld(t)
		p := w.start(login + appTemplate + password(""))
		p.Says(`render failed.*reading template: open \S*app.tpl: no such file or directory`)
		harness.Eventually(t, "the other bundle", func() bool { return w.Read("password") == "one" })
		w.Write("app.tpl", goodTemplate)
		p.Says(logmsg.AllPublished)
		p.stop()
	})
	t.Run("exit_on_retry_failure", func(t *testing.T) {
		w := newWorld(t)
		w.Write("app.tpl", `{{ with secret "secret/data/app" }}{{ .Data.data.user }}{{ end }}`)
		text := strings.Replace(login, `address = "ADDRESS"`, "address = \"ADDRESS\"\n  retry { num_retries = -1 }\n", 1)
		p := w.start(text + "template_config { exit_on_retry_failure = true }\n" + appTemplate)
		p.Says(logmsg.ExitingOnError + ` error=".*no entry for key.*user`)
		p.Ends(5)
		p.leavesNothing()
	})
	t.Run("no_such_secret", func(t *testing.T) {
		w := newWorld(t)
		w.Write("app.tpl", `{{ with secret "secret/data/nil" }}{{ .Data.data.user }}{{ end }}`)
		text := strings.Replace(login, `address = "ADDRESS"`, "address = \"ADDRESS\"\n  retry { num_retries = -1 }\n", 1)
		p := w.start(text + "template_config { exit_on_retry_failure = true }\n" + appTemplate)
		p.Says(logmsg.ExitingOnError + ` error=".*no secret exists at secret/data/nil`)
		p.Ends(5)
		p.leavesNothing()
	})
}

// keyFromFile is a set whose key is rendered by a template in a file.
const keyFromFile = `
template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" \"ttl=1h\" }}{{ .Data.certificate }}{{ end }}"
  destination = "DIR/tls/tls.crt"
}
template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" \"ttl=1h\" }}{{ .Data.issuing_ca }}{{ end }}"
  destination = "DIR/tls/ca.crt"
}
template {
  source      = "DIR/key.tpl"
  destination = "DIR/tls/tls.key"
}
`

func TestKeyOfAnotherCertificate(t *testing.T) {
	w := newWorld(t)
	const (
		ask     = `{{ with secret "pki/issue/web" "common_name=example.test" "ttl=1h" }}`
		fitting = ask + `{{ .Data.private_key }}{{ end }}`
	)
	other := ask + `{{ end }}` + strings.Replace(fitting, "1h", "2h", 1) // in the same bundle, from another answer
	w.Write("key.tpl", fitting)
	p := w.start(login + keyFromFile)
	p.Says(logmsg.AllPublished)
	before := w.snapshot(published...)
	w.Write("key.tpl", other)
	p.Says(logmsg.RenderFailed + `.*the private key in \S*tls\.key does not match the certificate`)
	before.same()
	w.leaf()
	w.Write("key.tpl", "mended\n"+fitting)
	harness.Eventually(t, "the mended set", func() bool { return strings.HasPrefix(w.Read("tls/tls.key"), "mended") })
	p.stop()
	w.leaf()
}

func TestExpiredCertificateFromTheServer(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + eager + certificate(often, ""))
	p.Says(logmsg.AllPublished)
	stale := expired(t)
	w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/v1/pki/issue/") {
			return false
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(map[string]any{"request_id": "x", "data": stale}) // the client may have gone
		return true
	})
	p.Says(logmsg.RenderFailed + `.*expired`)
	before := w.snapshot(published...)
	p.SaysTimes(`render failed`, 2)
	before.same()
	p.Alive()
	w.Dev.Intercept(nil)
	harness.Eventually(t, "a fresh certificate", func() bool { return w.Read("tls/tls.crt") != string(before.texts[1]) })
	p.stop()
	w.leaf()
}

// expired is what pki/issue would answer, but for the date.
func expired(t *testing.T) map[string]any {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "example.test"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return map[string]any{
		"certificate": cert, "issuing_ca": cert, "ca_chain": []string{cert}, "serial_number": "12:67",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})),
		"expiration":  template.NotAfter.Unix(),
	}
}
