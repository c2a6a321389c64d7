// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package dev is an embedded server with the part of Vault's API that certagent
// uses: logins, tokens, policies, leases, response wrapping, KV and PKI. It shows
// a real rotation to new users without a Vault installation, and it makes tests
// fast. Where it differs from a real Vault, Vault is right.
//
// It is not for production: it keeps everything in memory only, it has no audit
// log and no rate limits, and its listeners accept loopback addresses only. It
// prints nothing and starts no goroutine before Start.
package dev

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// Options are the settings of a server. The zero value is usable.
type Options struct {
	// RootToken is the root token. Empty means a random one.
	RootToken string
	// Now is the clock for everything that expires. Nil means time.Now. Tests
	// advance it to expire tokens and certificates.
	Now func() time.Time
	// Logger receives a debug message for each request. Nil disables logging.
	Logger *slog.Logger
}

// Server is a dev server. It is an http.Handler; Start serves it on a listener.
// All methods are safe for concurrent use.
type Server struct {
	now       func() time.Time
	logger    *slog.Logger
	rootToken string
	unsealKey string
	clusterID string
	started   time.Time

	ahead     atomic.Int64 // see SetAhead
	sealed    atomic.Bool
	intercept atomic.Pointer[Intercept]
	requests  requestLog

	mounts   *mountTable
	policies *policyStore
	tokens   *tokenStore
	roles    *tokenRoles
	leases   *leaseStore
}

// New returns an unsealed server with a KV version 2 mount at secret/, as in
// Vault's own dev server.
func New(o Options) *Server {
	s := &Server{
		now: o.Now, logger: o.Logger, rootToken: o.RootToken,
		unsealKey: backend.Random(43) + "=", clusterID: backend.UUID(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.started = s.wallClock()
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.rootToken == "" {
		s.rootToken = "hvs." + backend.Random(24)
	}
	s.leases = newLeaseStore()
	s.tokens = newTokenStore(s.leases.revokeToken)
	s.policies = newPolicyStore()
	s.roles = newTokenRoles()
	s.mounts = newMountTable(s)
	s.tokens.add(token{
		ID: s.rootToken, Policies: []string{"root"}, Path: "auth/token/create",
		DisplayName: "token", Created: s.wallClock(), Orphan: true, Type: "service",
	})
	return s
}

// RootToken returns the root token.
func (s *Server) RootToken() string { return s.rootToken }

// UnsealKey returns the key that sys/unseal accepts.
func (s *Server) UnsealKey() string { return s.unsealKey }

// Seal makes every request fail with 503, except for health and seal status.
func (s *Server) Seal() { s.sealed.Store(true) }

// Unseal reverts Seal.
func (s *Server) Unseal() { s.sealed.Store(false) }

// RevokeToken revokes a token, its children and its leases, as if the token had
// expired. It ignores an unknown token.
func (s *Server) RevokeToken(id string) { s.tokens.revoke(id) }

// wallClock returns the server's time without its monotonic part, so that tokens
// also expire while the machine is suspended.
func (s *Server) wallClock() time.Time {
	return s.now().Round(0).Add(time.Duration(s.ahead.Load()))
}

// SetAhead sets the server's clock ahead of the true time, or behind it if negative.
func (s *Server) SetAhead(by time.Duration) { s.ahead.Store(int64(by)) }

var _ http.Handler = (*Server)(nil)
