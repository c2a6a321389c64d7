// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// tokenState is a token in use.
type tokenState struct {
	token    Token
	lease    lease
	renewAt  time.Time // zero means never, as for loginAt
	loginAt  time.Time
	failures int      // renewals that failed in a row
	last     *Failure // the last of them
}

// next returns what to do next, and when.
func (t *tokenState) next() (at time.Time, renew bool) {
	if t.lease.renewable && t.renewAt.Before(t.loginAt) {
		return t.renewAt, true
	}
	return t.loginAt, false
}

// keep renews a token until it is time to log in again. It returns false when ctx has
// ended.
func (s *session) keep(ctx context.Context, token Token, asked time.Time) bool {
	t := &tokenState{token: token}
	t.grant(newLease(token, asked))
	for {
		at, renew := t.next()
		switch s.await(ctx, at) {
		case ended:
			return false
		case invalidated:
			s.log.Warn(logmsg.TokenRejected, logkey.Method, s.Method.Name())
			return s.afterRefusal(ctx, token)
		case newCredentials:
			s.log.Info(logmsg.CredentialsChanged, logkey.Method, s.Method.Name())
			return true
		}
		if !renew || reached(t.lease.end()) {
			return true
		}
		if accepted := s.renew(ctx, t); !accepted {
			return s.afterRefusal(ctx, token)
		}
	}
}

// grant starts a lease.
func (t *tokenState) grant(l lease) {
	t.lease, t.renewAt, t.loginAt = l, l.renewAt(rand.Float64()), l.loginAt(rand.Float64())
	t.failures, t.last = 0, nil
}

// renew renews the token, or decides when to try again. It returns false when
// the server does not accept the token.
func (s *session) renew(ctx context.Context, t *tokenState) (accepted bool) {
	asked := wallClock()
	renewed, err := s.requestRenewal(ctx, t.token)
	switch failure := explain(err); {
	case err == nil:
		t.grant(t.lease.renewed(renewed, asked))
		s.log.Debug(logmsg.TokenRenewed, logkey.Method, s.Method.Name(), logkey.Expires, expires(t.lease))
	case ctx.Err() != nil:
	case forbidden(err):
		failure.Hint = "if this happens with each token, its policies must allow update on auth/token/renew-self"
		s.report(logmsg.TokenRenewalRefused, failure, nil, 0)
		return false
	case failure.Kind.permanent():
		t.lease.renewable = false
		s.report(logmsg.TokenNotRenewable, failure, nil, time.Until(t.loginAt))
	default:
		t.failures++
		wait := s.wait(t.failures, false)
		t.renewAt = wallClock().Add(wait)
		s.report(logmsg.TokenNotRenewed, failure, t.last, wait)
		t.last = failure
	}
	return true
}

// requestRenewal requests a new lease, whose length the server decides, and returns it
// without the token.
func (s *session) requestRenewal(ctx context.Context, token Token) (Token, error) {
	s.retryAfter = 0
	s.beatForRequests()
	secret, err := request{
		method: http.MethodPut, path: "auth/token/renew-self", token: token.Value, body: map[string]any{"increment": 0},
	}.do(ctx, s.client)
	if err != nil {
		return Token{}, err
	}
	if secret == nil || secret.Auth == nil {
		return Token{}, garbled(errors.New("the answer to the renewal contains no lease"))
	}
	return Token{LeaseDuration: seconds(secret.Auth.LeaseDuration), Renewable: secret.Auth.Renewable}, nil
}

// afterRefusal waits before the next login if several tokens in a row were refused early
// in their life and without having served a request, because another login will not
// help. It returns false when ctx has ended.
func (s *session) afterRefusal(ctx context.Context, token Token) bool {
	if s.holder.hasServed() {
		s.refusals = 0
		return ctx.Err() == nil
	}
	early := s.backoff.Max
	if token.LeaseDuration > 0 {
		early = min(early, token.LeaseDuration/2)
	}
	if wallClock().Sub(s.loggedIn) > early {
		s.refusals = 0
	}
	if s.refusals > 0 {
		s.pause(ctx, s.wait(s.refusals, true))
	}
	s.refusals++
	return ctx.Err() == nil
}
