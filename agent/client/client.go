// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package client builds the one Vault client of the agent: one pool of
// connections, whose certificates follow the files that they were read from.
//
// It refuses to log in, to retry, or to take a token from the environment:
// which token a request carries, and when it is tried again, is its caller's
// business.
//
// Callers must not use Clone of the client that New returns: it reads the
// environment and the files named there anew, and with them VAULT_TOKEN.
package client

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

// Config says which server to talk to and how. Its values are final: flags,
// environment and configuration files have been weighed by the caller. What
// has no key in a configuration file (VAULT_CACERT_BYTES, VAULT_CLIENT_TIMEOUT,
// VAULT_HEADERS, VAULT_MAX_RETRIES, VAULT_RATE_LIMIT, VAULT_SRV_LOOKUP,
// VAULT_PROXY_ADDR, VAULT_HTTP_PROXY, VAULT_DISABLE_REDIRECTS) New takes from
// the environment, as Vault Agent does.
type Config struct {
	settings.Vault

	MaxConnsPerHost   int  // 0 means unlimited
	DisableIdle       bool // keep no idle connection
	DisableKeepAlives bool // a new connection for every request

	// Transport, if not nil, makes the requests in place of a pool of connections.
	Transport http.RoundTripper

	Logger *slog.Logger // nil means that nothing is logged
}

// New returns a client without a token. It does not retry, unless
// VAULT_MAX_RETRIES says so; a request ends after VAULT_CLIENT_TIMEOUT (60 s),
// and an answer of more than 16 MiB is an error.
//
// The certificate files are looked at again while requests are made, at most
// once a second. When their content has changed, and the new content is
// usable, new connections are made with it and idle ones are closed. While it
// is not usable the old content stays in use, and a warning says why.
//
// Errors name the key of the configuration and the file. Release is to be
// called when the client is no longer needed.
func New(c Config) (*api.Client, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
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
	if c.Transport != nil {
		config.HttpClient.Transport = c.Transport
	}

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

// Release closes the client's idle connections. Requests under way go on, and
// the client stays usable.
func Release(c *api.Client) {
	if t, ok := c.CloneConfig().HttpClient.Transport.(*transport); ok {
		t.release()
	}
}

// leaveRedirect hands redirects to vault/api, which follows one, and none from
// https to http.
func leaveRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// wrapOnlyOnRequest replaces vault/api's default, under which VAULT_WRAP_TTL
// has every answer wrapped, so that no template could be rendered.
func wrapOnlyOnRequest(method, path string) string {
	if path == "sys/wrapping/wrap" && (method == http.MethodPut || method == http.MethodPost) {
		return api.DefaultWrappingTTL
	}
	return ""
}
