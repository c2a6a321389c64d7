// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package secrets makes requests to Vault, shares the answers, and renews them in time.
//
// One loop owns all state: the wanted requests, their subscriptions, their answers and
// when to renew them. A bounded number of workers makes the requests. Equal requests are
// made once, whatever the number of subscriptions. After a failure the old answer stays,
// and other requests are not affected. Ask makes a request that must not be shared or
// repeated, in turn with the others.
//
// It knows neither files nor templates, does not log in, and retries for ever: the
// caller decides when to stop.
package secrets

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// Config is what a Store needs. Zero values mean the defaults.
type Config struct {
	// Client makes the requests. Its own retries should be off; New turns them off for
	// Ask. Its token is used only if Authenticated was called with an empty one.
	Client *api.Client
	// Threshold is the fraction of a lifetime after which a secret that cannot be
	// renewed is requested again (lease_renewal_threshold); 0.90 if it is not in (0,1).
	Threshold float64
	// StaticInterval is how often a secret without a lifetime is read again
	// (static_secret_render_interval); 5 minutes if not positive.
	StaticInterval time.Duration
	// Concurrency is the limit of concurrent requests; 10 if not positive.
	Concurrency int
	// Retries is how many retries Vault Agent makes (vault.retry); after the time that
	// these take, an Error is Exhausted, see Patience. 12 if zero, none if negative.
	Retries int
	// MinBackoff and MaxBackoff are the bounds of the first delay after a failure and
	// of every delay; 250 ms and 1 minute if not positive.
	MinBackoff, MaxBackoff time.Duration
	// Seed names this host. Hosts with different seeds renew at different times.
	Seed string
	// InvalidToken is called, once for each token, when Vault reports that the token is
	// invalid. It must not block. Requests then wait for Authenticated.
	InvalidToken func(redact.Secret)
	// TokenServed is called, once for each token, when requests with the token succeed:
	// if others were refused for the token before it, one of these. It must not block.
	TokenServed func(redact.Secret)
	// Adopt returns the certificate that this host already has for a Certificate or a
	// Write, in the form of Vault's answer to pki/issue. It is called once, when the
	// request is first wanted, even before Authenticated, from up to Concurrency
	// goroutines. An answer without a certificate, or with an expired one, is ignored.
	Adopt func(vaultreq.Request) (*api.Secret, bool)
	// Clock tells the time of Vault; nil means that nobody does. While Vault's clock
	// and this host's differ so much that certificates look as if they were not valid,
	// no further ones are requested.
	Clock Clock
	// Logger is required.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Threshold <= 0 || c.Threshold >= 1 {
		c.Threshold = 0.90
	}
	c.StaticInterval = orDefault(c.StaticInterval, 5*time.Minute)
	c.Concurrency = orDefault(c.Concurrency, 10)
	c.MinBackoff = orDefault(c.MinBackoff, 250*time.Millisecond)
	c.MaxBackoff = max(orDefault(c.MaxBackoff, time.Minute), c.MinBackoff)
	if c.Retries == 0 {
		c.Retries = 12
	}
	return c
}

func orDefault[T int | time.Duration](value, other T) T {
	if value > 0 {
		return value
	}
	return other
}

// Store answers requests, and renews the answers while it runs.
type Store struct {
	config  Config
	vault   *vault
	mail    *mailbox
	board   *board
	clock   func() reading
	started atomic.Bool
	ended   chan struct{} // closed when Run has ended
}

// New returns a Store. It does nothing before Run, and only calls Adopt before
// Authenticated.
func New(c Config) *Store {
	return &Store{
		config: c.withDefaults(), vault: newVault(c.Client),
		mail: newMailbox(), board: newBoard(), clock: systemClock(), ended: make(chan struct{}),
	}
}

// Leased reports whether an answer had a lease or held a token: Vault revokes it with the
// token that asked for it.
func (s *Store) Leased() bool { return s.vault.leased.Load() }

// Run makes requests until the context ends, which also ends those in progress. It
// returns nil when all workers have ended. It can be called once.
func (s *Store) Run(ctx context.Context) error {
	if s.started.Swap(true) {
		return errors.New("the store of secrets was run before")
	}
	defer close(s.ended)
	defer s.mail.close()
	newLoop(s).run(ctx)
	return nil
}

// Authenticated sets the token. The first call starts the requests. Later calls retry
// those that were refused for their token; valid answers are kept.
func (s *Store) Authenticated(token redact.Secret) {
	s.mail.post(func(l *loop) { l.authenticated(token) })
}

// Subscribe returns a Subscription that wants nothing yet.
func (s *Store) Subscribe() *Subscription {
	return &Subscription{store: s, c: make(chan struct{}, 1), wants: make(map[vaultreq.Request]bool)}
}
