// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package server gives tests a server to talk to: the dev server in this
// process, and a real Vault in a process of its own. A test that passes on both
// shows that the dev server is a good stand-in.
package server

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/redact"
	"github.com/hashicorp/vault/api"
)

// Backend is a running server. It ends with the test.
type Backend struct {
	Name      string // "dev" or "vault"
	URL       string
	CA        []byte // PEM, of the listener's certificate; nil without TLS
	RootToken redact.Secret
	Client    *api.Client // with the root token
	Dev       *dev.Server // nil for a real Vault

	clientCert *tls.Certificate
}

// Options are for tests that need more than plain HTTP.
type Options struct {
	TLS bool
	// ClientCA, PEM, makes the listener demand certificates of this CA, and
	// ClientCert is the one that Backend.Client shows. They imply TLS.
	ClientCA   []byte
	ClientCert *tls.Certificate
}

// Each runs a test against the dev server and against a real Vault. Without a
// real Vault the second is skipped, or fails if CERTAGENT_REQUIRE_REAL is 1.
func Each(t *testing.T, run func(t *testing.T, b Backend)) { EachWith(t, Options{}, run) }

// EachWith is Each with options.
func EachWith(t *testing.T, o Options, run func(t *testing.T, b Backend)) {
	t.Run("dev", func(t *testing.T) { run(t, StartDev(t, o)) })
	t.Run("vault", func(t *testing.T) { run(t, StartVault(t, o)) })
}

// StartDev starts a dev server.
func StartDev(t *testing.T, o Options) Backend {
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

// NewClient returns a client with a token, which may be empty. It retries
// nothing, so that each call is one request.
func (b Backend) NewClient(t *testing.T, token string) *api.Client {
	t.Helper()
	return b.NewClientWith(t, token, b.clientCert)
}

// NewClientWith is NewClient with a TLS certificate to show, or nil.
func (b Backend) NewClientWith(t *testing.T, token string, cert *tls.Certificate) *api.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(b.CA)
	if cert != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*cert}
	}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := api.NewClient(&api.Config{Address: b.URL, HttpClient: &http.Client{Transport: transport, Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetMaxRetries(0)
	c.SetToken(token)
	c.ClearNamespace()
	return c
}
