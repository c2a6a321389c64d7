// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package client makes the Vault client of the agent: one pool of connections, which
// reloads its certificates when their files change.
//
// It does not log in, retry, or take a token from the environment: the caller decides
// which token a request has, and when to retry.
//
// Callers must not call Clone on the client that New returns, because it reads the
// environment again, including VAULT_TOKEN.
package client

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

// Config is how to connect to the server. Its values are final: the caller has merged
// flags, environment and configuration files. New reads from the environment, as Vault
// Agent does, what has no key in a configuration file: VAULT_CACERT_BYTES,
// VAULT_CLIENT_TIMEOUT, VAULT_HEADERS, VAULT_MAX_RETRIES, VAULT_RATE_LIMIT,
// VAULT_SRV_LOOKUP, VAULT_PROXY_ADDR, VAULT_HTTP_PROXY and VAULT_DISABLE_REDIRECTS.
type Config struct {
	settings.Vault

	MaxConnsPerHost   int  // 0 means unlimited
	DisableIdle       bool // keep no idle connection
	DisableKeepAlives bool // a new connection for every request

	// Transport, if not nil, makes the requests instead of a pool of connections.
	Transport http.RoundTripper

	// UserAgent is the header of that name; "" leaves it to net/http.
	UserAgent string

	// Known collects the secrets that requests carry. Clock is told of the server's
	// clock. Several clients may share them; nil means that nobody asks for them.
	Known *Known
	Clock *Clock

	Logger *slog.Logger // nil means that nothing is logged
}

// New returns a client without a token. It does not retry, unless VAULT_MAX_RETRIES is
// set; a request ends after VAULT_CLIENT_TIMEOUT (60 s), and an answer that takes too
// much memory is an error. So is a redirect to another host, unless ca_cert or ca_path
// say which hosts to trust. Neither errors nor the bodies of answers with an error status
// contain a secret that their request carried.
//
// Requests read the certificate files again, at most once a second. If their content has
// changed and is valid, new connections use it and idle ones are closed. If it is
// invalid, the old content stays in use, and a warning is logged.
//
// Errors contain the key of the configuration and the file. Call Release when the client
// is no longer needed.
func New(c Config) (*api.Client, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Known == nil {
		c.Known = new(Known)
	}
	if c.Clock == nil {
		c.Clock = new(Clock)
	}
	endpoint, err := parseAddress(c.Address)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(c, endpoint.socket)
	if err != nil {
		return nil, err
	}
	config, err := environment()
	if err != nil {
		return nil, err
	}
	transport.refuseRedirects = config.DisableRedirects
	config.Address = endpoint.url
	config.HttpClient = &http.Client{Transport: transport, CheckRedirect: leaveRedirect}

	client, err := api.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("reading the VAULT_* environment variables: %w", err)
	}
	client.ClearToken()
	client.ClearNamespace()
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	client.SetWrappingLookupFunc(wrapOnlyOnRequest)
	return client, nil
}

// Release closes the idle connections of the client. Requests in progress continue, and
// the client stays usable.
func Release(c *api.Client) {
	if t, ok := c.CloneConfig().HttpClient.Transport.(*transport); ok {
		t.release()
	}
}

// leaveRedirect leaves redirects to vault/api, which follows one, but none from https to
// http.
func leaveRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// wrapOnlyOnRequest replaces the default of vault/api, where VAULT_WRAP_TTL wraps every
// answer, so that no template can be rendered.
func wrapOnlyOnRequest(method, path string) string {
	if path == "sys/wrapping/wrap" && (method == http.MethodPut || method == http.MethodPost) {
		return api.DefaultWrappingTTL
	}
	return ""
}
