// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second

	// pingAfter is when a silent HTTP/2 connection is pinged. Without pings, requests
	// on a connection whose peer has vanished hang until the kernel's time-out, a
	// quarter of an hour later.
	pingAfter   = 15 * time.Second
	pingTimeout = 15 * time.Second
)

// newPool returns an empty pool of connections.
func newPool(c Config, security *tls.Config, proxy func(*http.Request) (*url.URL, error), socket string) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	pool := &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        security,
		TLSHandshakeTimeout:    handshakeTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		IdleConnTimeout:        idleTimeout,
		MaxConnsPerHost:        c.MaxConnsPerHost,
		MaxIdleConnsPerHost:    idleConnections(c),
		DisableKeepAlives:      c.DisableKeepAlives,
		MaxResponseHeaderBytes: maxHeader,
	}
	if socket != "" {
		pool.Proxy = nil
		pool.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}
	}
	return pool
}

// idleConnections returns how many idle connections are kept: as many as may be open.
// With net/http's default of two, ten concurrent requests would open eight new ones each
// time.
func idleConnections(c Config) int {
	switch {
	case c.DisableIdle:
		return -1
	case c.MaxConnsPerHost > 0:
		return c.MaxConnsPerHost
	}
	return 32
}
