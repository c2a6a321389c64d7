// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"crypto/x509"
	"maps"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// world is where a recipe runs: a directory in place of the root, an address in
// place of the recipe's, and a dev server with a PKI.
type world struct {
	*harness.World
	address string
	roots   atomic.Pointer[x509.CertPool] // what the clients trust; replaced as a whole, for they are at work
	title   string
	recipe  recipe
}

const policy = `path "pki/sign/web" { capabilities = ["create", "update"] }`

// newWorld makes one for the recipe with that title.
func newWorld(t *testing.T, title string) *world {
	t.Helper()
	t.Parallel() // every world is its own
	w := &world{World: harness.NewWorld(t, harness.ServerOptions{}), title: title, address: harness.Loopback()}
	w.Dir = harness.NewShortDir(t) // for a socket's name
	w.recipe = maps.Clone(find(t, title))
	for _, d := range []string{"etc/certagent", "etc/haproxy", "run/haproxy", "srv/app", "usr/local/bin"} {
		if err := os.MkdirAll(w.Path(d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.seed()
	return w
}

// seed gives the server what the recipes ask for, and writes down how to log in.
func (w *world) seed() {
	w.Helper()
	ctx, c := w.Context(), w.Client
	pki := seed.PKI{Roles: map[string]seed.Params{"web": {"allow_any_name": true, "max_ttl": "72h"}}}
	ca, err := pki.Apply(ctx, c)
	w.Check(err)
	w.trust(ca)
	if err := seed.Policy(ctx, c, "certagent", policy); err != nil {
		w.Fatal(err)
	}
	role := seed.AppRole{Role: "certagent", Params: seed.Params{"token_policies": "certagent", "token_ttl": "1h"}}
	credentials, err := role.Apply(ctx, c)
	w.Check(err)
	if _, _, err := credentials.Write(w.Path("etc/certagent")); err != nil {
		w.Fatal(err)
	}
}

var paths = regexp.MustCompile(`(^|[\s"'=])(/(?:etc|run|srv|usr/local)/)`)

// here is a text of a recipe with the world's paths and address.
func (w *world) here(text string) string {
	text = paths.ReplaceAllString(text, "${1}"+w.Path("")+"${2}")
	return strings.ReplaceAll(text, "127.0.0.1:8443", w.address)
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
