// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/examples/internal/stage"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

// The test binary is the built-in server when the demonstration starts it so.
func TestMain(m *testing.M) {
	if isBuiltinServer(os.Args) {
		os.Exit(builtinServer(os.Args))
	}
	harness.AtOnce(3)
	harness.Main(m)
}

// quick makes the certificates of the templates, that live for 8 s, be replaced
// after about 1.2 s: many rotations in a short test, and time to spare on a
// machine that is busy. Those of the bundle are replaced after 4 to 8 s, which
// leaves even that one time to verify each.
var quick = []string{`"55s"`, `"52s"`, "ttl=10s", "ttl=8s", "lease_renewal_threshold = 0.5", "lease_renewal_threshold = 0.15", `min_backoff = "1s"`, `min_backoff = "100ms"`}

// world is a demonstration under test.
type world struct {
	*testing.T
	*demo
}

// newWorld prepares a demonstration; what the options change, they change before
// it starts.
func newWorld(t *testing.T, options ...func(*demo)) *world {
	t.Helper()
	d := &demo{
		certagent: harness.Certagent(t), nginx: nginxBinary(t), listen: harness.Loopback(), clients: 8,
		form: templatesForm, patience: time.Minute, edits: quick, startVault: startDevServer, out: testWriter{t},
	}
	for _, option := range options {
		option(d)
	}
	return &world{T: t, demo: d}
}

// start starts the demonstration and has it stopped at the end of the test.
func (w *world) start() {
	w.Helper()
	var err error
	if w.Stage, err = stage.New("nginx-test", configFiles); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		if w.Failed() {
			for _, p := range []*stage.Process{w.agent, w.server} {
				if p != nil {
					w.Logf("a log:\n%s", p.Log())
				}
			}
		}
		if err := w.Close(); err != nil {
			w.Error(err)
		}
	})
	if err := w.demo.start(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// read returns the content of a file of the demonstration.
func (w *world) read(name string) string {
	w.Helper()
	text, err := os.ReadFile(w.Path(name))
	if err != nil {
		w.Error(err)
	}
	return string(text)
}

// heard returns what certagent's log has told so far.
func (w *world) heard() string {
	w.Helper()
	if err := w.hear(); err != nil {
		w.Fatal(err)
	}
	return w.story.events
}

func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	harness.Eventually(w.T, what, holds)
}

// pair returns the certificate on disk if certificate and key fit.
func (w *world) pair() (*x509.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(w.Path("tls/tls.crt"), w.Path("tls/tls.key"))
	return pair.Leaf, err
}

// serves says whether a new connection is shown the certificate.
func (w *world) serves(leaf *x509.Certificate) bool {
	served, err := probe.Leaf(w.Context(), probe.Target{Address: w.listen})
	return err == nil && served.Equal(leaf)
}

// realVault starts a real Vault whose listener demands certificates of the CA.
func realVault(t *testing.T) func(context.Context, *authority) (*vault, error) {
	harness.VaultBinary(t)
	return func(_ context.Context, ca *authority) (*vault, error) {
		cert, key, err := ca.issue("the test")
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		b := harness.StartVault(t, harness.ServerOptions{ClientCA: ca.pem, ClientCert: &pair})
		return &vault{name: "Vault", url: b.URL, ca: b.CA, client: b.Client, stop: func() error { return nil }}, nil
	}
}

// devVault starts the dev server and hands it to the test as well.
func devVault(to **dev.Server) func(context.Context, *authority) (*vault, error) {
	return func(ctx context.Context, ca *authority) (*vault, error) {
		server := dev.New(dev.Options{})
		*to = server
		return serveDev(ctx, server, ca)
	}
}

// nginxBinary finds nginx as the demonstration does. Without it the test is skipped,
// or fails if that is required.
func nginxBinary(t *testing.T) string {
	t.Helper()
	path, err := findNginx("")
	if err != nil {
		t.Fatal(err)
	}
	if path == "" {
		harness.Missing(t, "nginx is not installed (install it with: make tools)")
	}
	return path
}

// useBuiltin makes the demonstration use the built-in server.
func useBuiltin(d *demo) { d.nginx = "" }

// useBundle makes the demonstration use the form of a bundle.
func useBundle(d *demo) { d.form = bundleForm }

// testWriter writes lines to a test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(bytes.TrimRight(p, "\n"))) {
		w.t.Log(strings.TrimRight(line, "\n"))
	}
	return len(p), nil
}
