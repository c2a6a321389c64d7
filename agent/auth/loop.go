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

// Loop keeps the agent logged in: it logs in, renews the token while possible, and logs
// in again before the token expires or when it is refused.
//
// The fields must not change once Run has been called.
type Loop struct {
	Method Method

	// Client logs in and renews, unless LoginClient, which has its own certificate, is
	// set. The token of a cert login can only be renewed over a connection with the
	// same certificate. Run copies the client before the first login, and sets no
	// token on it.
	Client      *api.Client
	LoginClient *api.Client

	// Namespace, unless "", is where the method is mounted, in place of the
	// client's namespace.
	Namespace string

	// WrapTTL, unless zero, wraps the answer to the login for that long. Then the
	// description of the wrapping token is delivered, and Run logs in again for new
	// credentials only.
	WrapTTL time.Duration

	MinBackoff time.Duration // between attempts; 0 means 1 s
	MaxBackoff time.Duration // 0 means 5 min

	// ExitOnErr makes Run return the first failure of a login.
	ExitOnErr bool

	// Deliver is called with each new token, from Run's goroutine, which waits for it.
	Deliver func(Token)

	// Failed, unless nil, is called after each failed login, from Run's goroutine.
	Failed func(error)

	// Heartbeat, unless nil, is called repeatedly from Run's goroutine, with the longest
	// time until the next call; 0 means no limit.
	Heartbeat func(within time.Duration)

	// NewCredentials signals that the Method's Inputs may have changed; it may be nil.
	// New content of a file ends the wait after a failed login. With
	// ReauthOnNewCredentials (enable_reauth_on_new_credentials) it always leads to a
	// new login.
	NewCredentials         <-chan struct{}
	ReauthOnNewCredentials bool

	Logger *slog.Logger // nil means that nothing is logged

	holder holder
}

// Invalidate reports that the server refused a request because it does not know the
// token. The first call for the token that Run delivered last leads to a new login;
// calls for older tokens have no effect. If several new tokens in a row are refused that
// never served a request, the logins back off. Any goroutine may call it.
func (l *Loop) Invalidate(token redact.Secret) { l.holder.invalidate(token) }

// Served reports that requests with the token succeed. If that token is refused later,
// because its uses are spent for example, Run logs in again at once, and the refusals
// before it do not count any more. Any goroutine may call it.
func (l *Loop) Served(token redact.Secret) { l.holder.serve(token) }

// Run logs in and keeps the token valid until ctx ends, then returns nil. It returns an
// error that wraps a *Failure if ExitOnErr is set and a login fails, and an error if the
// fields are invalid.
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
		return fmt.Errorf("min_backoff (%s) is longer than max_backoff (%s)", s.backoff.Min, s.backoff.Max)
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
