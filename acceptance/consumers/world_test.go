// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"crypto/x509"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// world is where a recipe runs: a directory in place of the root, an address in
// place of the recipe's, and a dev server with a PKI.
type world struct {
	*testing.T
	dir     string
	address string
	backend harness.Backend
	roots   atomic.Pointer[x509.CertPool] // what the clients trust; replaced as a whole, for they are at work
	title   string
	recipe  recipe
}

const policy = `path "pki/sign/web" { capabilities = ["create", "update"] }`

// newWorld makes one for the recipe with that title.
func newWorld(t *testing.T, title string) *world {
	t.Helper()
	t.Parallel()                             // every world is its own
	dir, err := os.MkdirTemp("", "consumer") // short enough for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{T: t, title: title, dir: dir, address: loopback(), backend: harness.StartDev(t, harness.ServerOptions{})}
	w.recipe = maps.Clone(find(t, title))
	for _, d := range []string{"etc/certagent", "etc/haproxy", "run/haproxy", "srv/app", "usr/local/bin"} {
		if err := os.MkdirAll(w.path(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.seed()
	return w
}

// loopback is an address of a test's own: on 127.0.0.1 its port could go to one
// of the many connections that another test makes.
func loopback() string {
	return fmt.Sprintf("127.%d.%d.%d:8443", 1+rand.N(254), rand.N(256), 1+rand.N(254))
}

// seed gives the server what the recipes ask for, and writes down how to log in.
func (w *world) seed() {
	w.Helper()
	ctx, c := w.Context(), w.backend.Client
	pki := seed.PKI{Roles: map[string]seed.Params{"web": {"allow_any_name": true, "max_ttl": "72h"}}}
	ca, err := pki.Apply(ctx, c)
	if err != nil {
		w.Fatal(err)
	}
	w.trust(ca)
	if err := seed.Policy(ctx, c, "certagent", policy); err != nil {
		w.Fatal(err)
	}
	role := seed.AppRole{Role: "certagent", Params: seed.Params{"token_policies": "certagent", "token_ttl": "1h"}}
	credentials, err := role.Apply(ctx, c)
	if err != nil {
		w.Fatal(err)
	}
	if _, _, err := credentials.Write(w.path("etc/certagent")); err != nil {
		w.Fatal(err)
	}
}

// path is that of a file in the world.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

var paths = regexp.MustCompile(`(^|[\s"'=])(/(?:etc|run|srv|usr/local)/)`)

// here is a text of a recipe with the world's paths and address.
func (w *world) here(text string) string {
	text = paths.ReplaceAllString(text, "${1}"+w.dir+"${2}")
	return strings.ReplaceAll(text, "127.0.0.1:8443", w.address)
}

func (w *world) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// install copies a file that is beside this one.
func (w *world) install(name, directory string) {
	w.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.path(directory), name), text, 0o700); err != nil {
		w.Fatal(err)
	}
}

// eventually waits until a condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("never: %s", what)
		}
	}
}

// trust has the clients trust a further CA.
func (w *world) trust(ca string) {
	w.Helper()
	pool := x509.NewCertPool()
	if old := w.roots.Load(); old != nil {
		pool = old.Clone()
	}
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		w.Fatal("there is no CA in what was answered")
	}
	w.roots.Store(pool)
}
