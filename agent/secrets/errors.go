// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"errors"
	"fmt"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// ErrClosed is the error of a closed Subscription.
var ErrClosed = errors.New("the subscription is closed")

// Class classifies failures by what ends them.
type Class int

// The classes.
const (
	Transient    Class = iota // the network, 5xx, 429 or 412: waiting helps
	InvalidToken              // the token is unknown: a new login helps
	Denied                    // the token's policies do not allow the request
	NotFound                  // the secret does not exist
	Refused                   // the server rejects the request
	Malformed                 // the answer is not Vault's
	WrongClock                // this host's clock and Vault's differ: setting one of them helps
)

func (c Class) String() string {
	return [...]string{"transient", "invalid token", "permission denied", "not found", "refused", "malformed", "wrong clock"}[c]
}

// slow reports whether waiting does not help, see Error.Slow.
func (c Class) slow() bool { return c == InvalidToken || c == Denied || c == Refused }

// Error is why the last attempt of a request failed. It contains no secret. An older
// Answer stays usable.
type Error struct {
	Request vaultreq.Request
	Class   Class
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Failures is the number of failed attempts in a row. Exhausted reports whether
	// they have lasted for the Store's Patience, when Vault Agent exits; the Store
	// continues.
	Failures  int
	Exhausted bool
	// RetryAt is the time of the next attempt, by the wall clock.
	RetryAt time.Time
	// RetryAfter is the server's Retry-After; 0 if there is none. It may be arbitrarily
	// long.
	RetryAfter time.Duration

	cause error
	skew  time.Duration // of Vault's clock, for WrongClock
	// target is where the request went, "" for the path itself: KV version 2 has others.
	target string
	// untrusted is what to do if TLS was refused by either side; "" if it was not.
	untrusted string

	plain bool // the server speaks TLS, and the request did not
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %q: %v", e.Request.Kind.Gerund(), e.Request.Path, e.cause)
}

func (e *Error) Unwrap() error { return e.cause }

// Slow reports whether only an operator or a new login ends the failure, so that slower
// retries suffice.
func (e *Error) Slow() bool { return e.Class.slow() }

// Temporary reports whether the failure may pass without an operator: that of the network
// or of Vault's availability, and a token that the agent replaces.
func (e *Error) Temporary() bool {
	return e.Class == Transient && e.untrusted == "" || e.Class == InvalidToken
}

func malformed(format string, args ...any) *Error {
	return &Error{Class: Malformed, cause: fmt.Errorf(format, args...)}
}

func notFound(path string) *Error {
	return &Error{Class: NotFound, cause: fmt.Errorf("no secret exists at %s", path)}
}
