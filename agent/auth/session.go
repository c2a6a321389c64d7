// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// session is the state of one Run, whose goroutine owns it.
type session struct {
	*Loop
	client  *api.Client // the loop's own, with its namespace and wrapping
	backoff backoff.Law
	log     *slog.Logger

	retryAfter  time.Duration // of the last answer
	credentials fingerprints  // of the last login
	loggedIn    time.Time     // when the last login succeeded
	refusals    int           // tokens in a row that were refused early in their life
	reported    int           // failures in a row that are the same
}

// ownClient returns a copy of the client with the namespace, the wrapping and the
// callback of this loop.
func (s *session) ownClient() *api.Client {
	base := s.Client
	if s.LoginClient != nil {
		base = s.LoginClient
	}
	namespace := s.Namespace
	if namespace == "" {
		namespace = base.Namespace()
	}
	own := base.WithNamespace(namespace).WithResponseCallbacks(func(r *api.Response) {
		s.retryAfter = backoff.RetryAfter(r.Header.Get("Retry-After"), time.Now())
	})
	own.ClearToken()
	own.SetWrappingLookupFunc(func(_, path string) string {
		if s.WrapTTL > 0 && strings.HasSuffix(path, loginSuffix) {
			return s.WrapTTL.String()
		}
		return ""
	})
	return own
}

// logIn tries until it has a token. It fails when ctx ends and, with ExitOnErr, at the
// first failure. It also returns the time of the request for the token.
func (s *session) logIn(ctx context.Context) (token Token, asked time.Time, err error) {
	var last *Failure
	for failures := 1; ; failures++ {
		asked = wallClock()
		token, err = s.attempt(ctx)
		if err == nil {
			s.loggedIn = asked
			s.log.Info(logmsg.LoggedIn, logkey.Method, s.Method.Name(), logkey.Expires, expires(newLease(token, asked)))
			return token, asked, nil
		}
		if ctx.Err() != nil {
			return Token{}, asked, ctx.Err()
		}
		failure := explain(err)
		if s.Failed != nil {
			s.Failed(failure)
		}
		if s.ExitOnErr {
			return Token{}, asked, failure
		}
		if last != nil && last.Kind.permanent() != failure.Kind.permanent() {
			failures = 1
		}
		wait := s.wait(failures, failure.Kind.permanent())
		s.report(logmsg.LoginFailed, failure, last, wait)
		last = failure
		s.pause(ctx, wait)
	}
}

// attempt logs in once.
func (s *session) attempt(ctx context.Context) (Token, error) {
	s.retryAfter = 0
	s.beatForRequests()
	s.credentials = fingerprint(s.Method.Inputs())
	secret, err := s.Method.Login(ctx, s.client)
	if err != nil {
		return Token{}, err
	}
	return newToken(secret, s.WrapTTL > 0)
}

// wait returns the delay after a number of failures in a row: the back-off, which
// differs between agents, and the server's Retry-After.
func (s *session) wait(failures int, permanent bool) time.Duration {
	law := s.backoff
	if permanent {
		law.Factor = 4
	}
	return law.After(backoff.Failure{Count: failures, RetryAfter: s.retryAfter, Random: rand.Float64()})
}

// report logs a failure unless it repeats the last one, at error level if an operator has
// to act.
func (s *session) report(message string, failure, last *Failure, wait time.Duration) {
	if !failure.repeats(last) {
		s.reported = 0
	}
	s.reported++
	logged, leftOut := logmsg.Repeat(s.reported)
	level := slog.LevelError
	if failure.Kind.Temporary() {
		level = slog.LevelWarn
	}
	if !logged {
		level = slog.LevelDebug
	}
	attributes := []any{logkey.Method, s.Method.Name(), logkey.Error, failure, logkey.LeftOutCount(leftOut), logkey.Retry, wait.Round(time.Millisecond)}
	if failure.Hint != "" {
		attributes = append(attributes, logkey.Hint, failure.Hint)
	}
	s.log.Log(context.Background(), level, message, attributes...)
}

// deliver delivers a token, unless it was delivered before.
func (s *session) deliver(token Token) {
	if s.holder.set(token.Value) {
		s.Deliver(token)
	}
}

func expires(l lease) string {
	if l.duration == 0 {
		return "never"
	}
	return l.end().Format(time.RFC3339)
}
