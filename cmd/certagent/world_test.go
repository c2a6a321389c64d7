// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// world is a directory to work in and a dev server with a PKI, a KV and an AppRole
// that may use both.
type world struct {
	*harness.World
	role seed.AppRole
}

const policy = `
path "pki/*" { capabilities = ["create", "read", "update", "list"] }
path "secret/*" { capabilities = ["create", "read", "update", "list"] }
`

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, harness.ServerOptions{})
}

func newWorldWith(t *testing.T, o harness.ServerOptions) *world {
	t.Helper()
	t.Parallel()
	return anotherWorld(t, o)
}

// anotherWorld is for tests that have a world already.
func anotherWorld(t *testing.T, o harness.ServerOptions) *world {
	t.Helper()
	w := &world{World: harness.NewWorld(t, o)}
	var err error
	w.role, err = fillServer(t.Context(), w.Client, w.Path(""))
	w.Check(err)
	w.Dev.ResetRequests()
	return w
}

// fillServer gives a server what the tests' configurations ask for, and writes the
// credentials of its AppRole to the directory.
func fillServer(ctx context.Context, c *api.Client, dir string) (seed.AppRole, error) {
	role := seed.AppRole{Role: "agent", Params: seed.Params{"token_policies": "agent", "token_ttl": "1h"}}
	pki := seed.PKI{CommonName: "Test CA", Roles: map[string]seed.Params{
		"web": {"allow_any_name": true, "enforce_hostnames": false, "ttl": "1h", "max_ttl": "24h"},
	}}
	if _, err := pki.Apply(ctx, c); err != nil {
		return role, err
	}
	if err := seed.Policy(ctx, c, "agent", policy); err != nil {
		return role, err
	}
	credentials, err := role.Apply(ctx, c)
	if err != nil {
		return role, err
	}
	if _, _, err := credentials.Write(dir); err != nil {
		return role, err
	}
	_, err = c.Logical().WriteWithContext(ctx, "secret/data/app", seed.Params{"data": seed.Params{"password": "one"}})
	return role, err
}

// expand puts the world's directory for DIR and the server's address for ADDRESS.
func (w *world) expand(text string) string {
	return strings.NewReplacer("DIR", w.Path(""), "ADDRESS", w.URL).Replace(text)
}

// start runs the agent with a configuration, in which DIR is the world's
// directory, and more flags.
func (w *world) start(text string, args ...string) *process {
	w.Helper()
	return w.startEnv(nil, text, args...)
}

// startEnv is start with more environment variables.
func (w *world) startEnv(env []string, text string, args ...string) *process {
	w.Helper()
	w.Write("agent.hcl", w.expand(text))
	return launch(w.T, w.Path(""), env, append([]string{"agent", "-config=" + w.Path("agent.hcl")}, args...)...)
}

// login is the beginning of a configuration.
const login = `
vault { address = "ADDRESS" }
auto_auth {
  method "approle" {
    min_backoff = "100ms"
    max_backoff = "500ms"
    config = {
      role_id_file_path                   = "DIR/roleid"
      secret_id_file_path                 = "DIR/secretid"
      remove_secret_id_file_after_reading = false
    }
  }
  sink "file" {
    config = { path = "DIR/token" }
  }
}
`

// eager renews certificates soon after they were issued and polls what has no
// lease every second.
const eager = `
template_config {
  lease_renewal_threshold       = 0.05
  static_secret_render_interval = "1s"
}
`

// once is for certificates that outlive the test, often for those that are
// replaced about every second.
const (
	once  = `"ttl=1h"`
	often = `"ttl=20s"`
)

// certificate is three templates for one certificate, with a change in each.
func certificate(ttl, change string) string {
	var b strings.Builder
	for _, file := range []struct{ name, field string }{{"ca.crt", "issuing_ca"}, {"tls.crt", "certificate"}, {"tls.key", "private_key"}} {
		fmt.Fprintf(&b, `
template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" %s }}{{ .Data.%s }}{{ end }}"
  destination = "DIR/tls/%s"
  %s
}
`, strings.ReplaceAll(ttl, `"`, `\"`), file.field, file.name, change)
	}
	return b.String()
}

// password is one template for a secret that has no lease, with a change.
func password(change string) string {
	return `
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/password"
  ` + change + `
}
`
}

// published is what certificate publishes.
var published = []string{"tls/ca.crt", "tls/tls.crt", "tls/tls.key"}

// leaf returns the published certificate, and fails the test unless key and CA
// go with it.
func (w *world) leaf() *x509.Certificate {
	w.Helper()
	leaf, ca := w.Pair("tls/tls.crt", "tls/tls.key"), w.Leaf("tls/ca.crt")
	if ca == nil {
		w.Fatal("no CA on disk")
	}
	w.Check(leaf.CheckSignatureFrom(ca))
	return leaf
}

// snapshot is a set of files as it is at a moment.
type snapshot struct {
	w     *world
	names []string
	infos []os.FileInfo
	texts [][]byte
}

func (w *world) snapshot(names ...string) snapshot {
	w.Helper()
	s := snapshot{w: w, names: names}
	for _, name := range names {
		info, err := os.Stat(w.Path(name))
		w.Check(err)
		text, err := os.ReadFile(w.Path(name))
		w.Check(err)
		s.infos, s.texts = append(s.infos, info), append(s.texts, text)
	}
	return s
}

// same fails the test unless the files are the same ones with the same content.
func (s snapshot) same() {
	s.w.Helper()
	now := s.w.snapshot(s.names...)
	for i, name := range s.names {
		if !os.SameFile(s.infos[i], now.infos[i]) || !s.infos[i].ModTime().Equal(now.infos[i].ModTime()) {
			s.w.Errorf("%s was replaced or touched", name)
		}
		if !bytes.Equal(s.texts[i], now.texts[i]) {
			s.w.Errorf("the content of %s has changed", name)
		}
	}
}
