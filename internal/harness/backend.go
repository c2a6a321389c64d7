// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/redact"
	"github.com/hashicorp/vault/api"
)

// Backend is a server that a test talks to: the dev server in this process, or a
// real Vault in a process of its own. A test that passes on both shows that the
// dev server is a good stand-in. It ends with the test.
type Backend struct {
	Name      string // "dev" or "vault"
	URL       string
	CA        []byte // PEM, of the listener's certificate; nil without TLS
	RootToken redact.Secret
	Client    *api.Client // with the root token
	Dev       *dev.Server // nil for a real Vault

	clientCert *tls.Certificate
	transport  http.RoundTripper // nil for a server on the network
}

// ServerOptions are for tests that need more than plain HTTP.
type ServerOptions struct {
	TLS bool
	// ClientCA, PEM, makes the listener demand certificates of this CA, and
	// ClientCert is the one that Backend.Client shows. They imply TLS.
	ClientCA   []byte
	ClientCert *tls.Certificate
}

// Each runs a test against the dev server and against a real Vault. Without a
// real Vault the second is skipped, or fails if CERTAGENT_REQUIRE_REAL is 1.
func Each(t *testing.T, run func(t *testing.T, b Backend)) { EachWith(t, ServerOptions{}, run) }

// EachWith is Each with options.
func EachWith(t *testing.T, o ServerOptions, run func(t *testing.T, b Backend)) {
	t.Run("dev", func(t *testing.T) { run(t, StartDev(t, o)) })
	t.Run("vault", func(t *testing.T) { run(t, StartVault(t, o)) })
}

// StartDev starts a dev server.
func StartDev(t *testing.T, o ServerOptions) Backend {
	t.Helper()
	s := dev.New(dev.Options{})
	l, err := s.Start(t.Context(), dev.ListenOptions{TLS: o.TLS, ClientCA: o.ClientCA})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("closing the dev server: %v", err)
		}
	})
	b := Backend{Name: "dev", URL: l.URL, CA: l.CA, RootToken: redact.Secret(s.RootToken()), Dev: s, clientCert: o.ClientCert}
	b.Client = b.NewClient(t, string(b.RootToken))
	return b
}

// DevInBubble returns a dev server that is on no network, for tests in a synctest
// bubble: it answers in the goroutine of the request, and its clock is the
// bubble's.
func DevInBubble(t *testing.T) Backend {
	t.Helper()
	s := dev.New(dev.Options{})
	b := Backend{Name: "dev", URL: "http://dev.test", RootToken: redact.Secret(s.RootToken()), Dev: s, transport: s.Transport()}
	b.Client = b.NewClient(t, string(b.RootToken))
	return b
}

// Asked returns how many requests the dev server has got whose path begins with
// the prefix, of one method or, for "", of any.
func (b Backend) Asked(method, prefix string) int {
	n := 0
	for _, r := range b.Dev.Requests() {
		if (method == "" || r.Method == method) && strings.HasPrefix(r.Path, prefix) {
			n++
		}
	}
	return n
}

// NewClient returns a client with a token, which may be empty. It retries
// nothing, so that each call is one request.
func (b Backend) NewClient(t *testing.T, token string) *api.Client {
	t.Helper()
	return b.NewClientWith(t, token, b.clientCert)
}

// NewClientWith is NewClient with a TLS certificate to show, or nil.
func (b Backend) NewClientWith(t *testing.T, token string, cert *tls.Certificate) *api.Client {
	t.Helper()
	transport := b.transport
	if transport == nil {
		transport = b.connect(t, cert)
	}
	c, err := api.NewClient(&api.Config{Address: b.URL, HttpClient: &http.Client{Transport: transport, Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetMaxRetries(0)
	c.SetToken(token)
	c.ClearNamespace()
	return c
}

// connect returns a pool of connections, which is closed when the test ends.
func (b Backend) connect(t *testing.T, cert *tls.Certificate) *http.Transport {
	pool := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	pool.TLSClientConfig.RootCAs.AppendCertsFromPEM(b.CA)
	if cert != nil {
		pool.TLSClientConfig.Certificates = []tls.Certificate{*cert}
	}
	t.Cleanup(pool.CloseIdleConnections)
	return pool
}
