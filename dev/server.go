// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package dev is an embedded server with the part of Vault's API that certagent
// uses: logins, tokens, policies, leases, response wrapping, KV and PKI. It lets
// a newcomer see a real rotation without installing Vault, and lets tests run in
// milliseconds. Where it differs from a real Vault, Vault is right.
//
// It is not for production: everything is in memory and gone at the end, nothing
// is audited or rate-limited, and its listeners accept loopback addresses only.
// It prints nothing by itself and starts no goroutine before Start.
package dev

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// Options are a server's settings; the zero value is a usable one.
type Options struct {
	// RootToken is the token that may do everything; empty means a random one.
	RootToken string
	// Now is the server's clock for everything that expires; nil means
	// time.Now. Tests move it to expire tokens and certificates.
	Now func() time.Time
	// Logger receives one debug line a request; nil means silence.
	Logger *slog.Logger
}

// Server is a dev server. It is an http.Handler; Start puts it on a listener.
// All methods may be called from several goroutines.
type Server struct {
	now       func() time.Time
	logger    *slog.Logger
	rootToken string
	unsealKey string
	clusterID string
	started   time.Time

	sealed    atomic.Bool
	intercept atomic.Pointer[Intercept]
	requests  requestLog

	mounts   *mountTable
	policies *policyStore
	tokens   *tokenStore
	roles    *tokenRoles
	leases   *leaseStore
}

// New returns an unsealed server with a KV version 2 at secret/, as Vault's own
// dev server has.
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

// RootToken returns the token that may do everything.
func (s *Server) RootToken() string { return s.rootToken }

// UnsealKey returns the key that sys/unseal accepts.
func (s *Server) UnsealKey() string { return s.unsealKey }

// Seal makes every request but those about health and sealing fail with 503.
func (s *Server) Seal() { s.sealed.Store(true) }

// Unseal undoes Seal.
func (s *Server) Unseal() { s.sealed.Store(false) }

// RevokeToken revokes a token, its children and its leases, as if it had
// expired. An unknown token is none.
func (s *Server) RevokeToken(id string) { s.tokens.revoke(id) }

// wallClock returns the server's time without its monotonic part, so that a
// suspended machine's tokens expire.
func (s *Server) wallClock() time.Time { return s.now().Round(0) }

var _ http.Handler = (*Server)(nil)
