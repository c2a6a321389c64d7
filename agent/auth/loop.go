// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/redact"
)

// Loop keeps the agent logged in: it logs in, renews the token while that is
// possible, and logs in again before the token ends or when it is refused.
//
// The fields must not change once Run has been called.
type Loop struct {
	Method Method

	// Client is used to log in and to renew, unless LoginClient is given: one
	// with a certificate of its own. A cert login's token can only be renewed
	// over a connection with the certificate that it was logged in with. Run
	// copies the client before the first login, and sets no token on it.
	Client      *api.Client
	LoginClient *api.Client

	// Namespace, unless "", is where the method is mounted, in place of the
	// client's namespace.
	Namespace string

	// WrapTTL, unless zero, has the answer to the login wrapped for that long.
	// What is delivered then is the wrapping's description; Run holds no token
	// and only logs in again for new credentials.
	WrapTTL time.Duration

	MinBackoff time.Duration // between attempts; 0 means 1 s
	MaxBackoff time.Duration // 0 means 5 min

	// ExitOnErr has Run return the first failure of a login.
	ExitOnErr bool

	// Deliver is called with each token that differs from the one before, from
	// Run's goroutine, which waits for it.
	Deliver func(Token)

	// Failed, unless nil, is called after each login that failed, from Run's
	// goroutine.
	Failed func(error)

	// Sign, unless nil, is called as a sign of life, from Run's goroutine, with how
	// long it may be at most until the next call; 0 is for ever.
	Sign func(within time.Duration)

	// NewCredentials says that the Method's Inputs may have changed; nil means
	// that nobody will say. A file that does hold something new ends the wait
	// after a failed login at once. With ReauthOnNewCredentials it leads to a
	// new login in any case (enable_reauth_on_new_credentials).
	NewCredentials         <-chan struct{}
	ReauthOnNewCredentials bool

	Logger *slog.Logger // nil means that nothing is logged

	holder holder
}

// Invalidate says that a request with the token was refused because the server
// does not know it. The first call for the token that Run delivered last leads
// to a new login; calls for older tokens change nothing. When one new token
// after the other is refused, the logins back off. Any goroutine may call it.
func (l *Loop) Invalidate(token redact.Secret) { l.holder.invalidate(token) }

// Run logs in and keeps the token alive until ctx ends, then returns nil. It
// returns an error when ExitOnErr is set and a login fails, which wraps a *Failure,
// and when the fields make no sense.
func (l *Loop) Run(ctx context.Context) error {
	s := &session{
		Loop: l,
		backoff: backoff.Law{
			Min: cmp.Or(l.MinBackoff, time.Second), Max: cmp.Or(l.MaxBackoff, 5*time.Minute),
			Jitter: backoff.FromMin, Patience: 1,
		},
		log: orDiscard(l.Logger),
	}
	if s.backoff.Min < 0 || s.backoff.Min > s.backoff.Max {
		return fmt.Errorf("min_backoff (%s) must not be above max_backoff (%s)", s.backoff.Min, s.backoff.Max)
	}
	s.client = s.ownClient()
	for {
		token, asked, err := s.logIn(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("logging in by %s: %w", l.Method.Name(), err)
		}
		s.deliver(token)
		if !s.keep(ctx, token, asked) {
			return nil
		}
	}
}

func orDiscard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
