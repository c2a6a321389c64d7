// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package secrets asks Vault, shares the answers and renews them in time.
//
// One loop owns all state: what is wanted, by whom, what was answered and when
// to ask again. A bounded number of workers carries its requests to Vault. Equal
// requests are asked once, however many want them. A failure keeps the answer
// from before and concerns nobody but those who want that request. A question
// that must not be shared or repeated takes its turn among them (Ask).
//
// It knows nothing of files or templates, logs in nowhere, and never gives up:
// when to do so is for the caller to decide.
package secrets

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// Config is what a Store needs. Zero values mean the defaults.
type Config struct {
	// Client asks Vault. Its own retries should be off; those of Ask's requests New
	// turns off. Its token is used only as long as Authenticated was called with an
	// empty one.
	Client *api.Client
	// Threshold is the part of a lifetime after which what cannot be renewed is
	// asked for again (lease_renewal_threshold); 0.90 if it is not in (0,1).
	Threshold float64
	// StaticInterval is how often a secret without a lifetime is read again
	// (static_secret_render_interval); 5 minutes if not positive.
	StaticInterval time.Duration
	// Concurrency bounds the requests in flight; 10 if not positive.
	Concurrency int
	// Retries is how many retries Vault Agent would make (vault.retry); beyond
	// it, an Error is Exhausted. 12 if zero, none if negative.
	Retries int
	// MinBackoff and MaxBackoff bound the first and every wait after a failure;
	// 250 ms and 1 minute if not positive.
	MinBackoff, MaxBackoff time.Duration
	// Seed names this host. Hosts with different seeds renew at different times.
	Seed string
	// InvalidToken is called, once for each token, when Vault says that the token
	// is not valid. It must not block. Requests wait for Authenticated then.
	InvalidToken func(redact.Secret)
	// Adopt returns the certificate that this host already has for a Certificate
	// or a Write, in the shape of Vault's answer to pki/issue. It is asked once,
	// when the request is first wanted, even before Authenticated, by up to
	// Concurrency goroutines. An answer without a certificate, or with one that
	// has expired, is not adopted.
	Adopt func(Request) (*api.Secret, bool)
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

// Store answers requests, and keeps the answers fresh while it runs.
type Store struct {
	config  Config
	vault   *vault
	mail    *mailbox
	board   *board
	clock   func() reading
	started atomic.Bool
	ended   chan struct{} // closed when Run has ended
}

// New makes a Store. Nothing is asked before Run, and nothing but Adopt before
// Authenticated.
func New(c Config) *Store {
	return &Store{
		config: c.withDefaults(), vault: newVault(c.Client),
		mail: newMailbox(), board: newBoard(), clock: systemClock(), ended: make(chan struct{}),
	}
}

// Run fetches and renews until the context ends, which ends requests in flight,
// too. It returns nil when all workers have ended. It can be called once.
func (s *Store) Run(ctx context.Context) error {
	if s.started.Swap(true) {
		return errors.New("the secrets' store has been run before")
	}
	defer close(s.ended)
	defer s.mail.close()
	newLoop(s).run(ctx)
	return nil
}

// Authenticated gives the token to ask with. The first call opens the gate.
// Later ones have those requests tried again that were refused for their token;
// what is still valid is not asked for again.
func (s *Store) Authenticated(token redact.Secret) {
	s.mail.post(func(l *loop) { l.authenticated(token) })
}

// Subscribe makes a Subscription that wants nothing yet.
func (s *Store) Subscribe() *Subscription {
	return &Subscription{store: s, c: make(chan struct{}, 1), wants: make(map[Request]bool)}
}
