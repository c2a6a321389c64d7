// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"errors"
	"fmt"
	"time"
)

// ErrClosed is what a closed Subscription answers.
var ErrClosed = errors.New("the subscription is closed")

// Class tells failures apart by who can end them.
type Class int

// The classes.
const (
	Transient    Class = iota // time heals it: the network, 5xx, 429, 412
	InvalidToken              // a new login heals it
	Denied                    // the token's policies do not allow it
	NotFound                  // there is no such secret
	Refused                   // the server says that the request is wrong
	Malformed                 // the answer is not what Vault answers
)

func (c Class) String() string {
	return [...]string{"transient", "invalid token", "permission denied", "not found", "refused", "malformed"}[c]
}

// slow says that time does not heal it, see Error.Slow.
func (c Class) slow() bool { return c == InvalidToken || c == Denied || c == Refused }

// Error says why the last attempt to answer a request failed. It holds nothing
// secret. An Answer from before may stand beside it and stays usable.
type Error struct {
	Request Request
	Class   Class
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Failures counts the attempts that failed in a row. Exhausted says that
	// they are more than Config.Retries allows, so that Vault Agent would give
	// up; the Store goes on trying.
	Failures  int
	Exhausted bool
	// RetryAt is when it will be tried again, by the wall clock.
	RetryAt time.Time
	// RetryAfter is how long the server wishes not to be asked, 0 if it has no
	// wish. It may be beyond all measure.
	RetryAfter time.Duration

	cause error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %q: %v", e.Request.Kind.Gerund(), e.Request.Path, e.cause)
}

func (e *Error) Unwrap() error { return e.cause }

// Slow says that to wait is not enough: an operator has to end the failure, or a
// login. A slower pace will do for the attempts until then.
func (e *Error) Slow() bool { return e.Class.slow() }

// Hint says what to do about the failure, "" if there is nothing but to wait.
func (e *Error) Hint() string {
	switch e.Class {
	case Denied:
		return fmt.Sprintf("the token's policies must allow %q on %q", e.Request.Kind.Capability(), e.Request.Path)
	case NotFound:
		return "check the path, its mount, and that the secret has not been deleted"
	case Refused:
		return "check the path, the parameters, and the role that they name"
	case Malformed:
		return "check that the address is Vault's and that no proxy answers in its place"
	}
	return ""
}

func malformed(format string, args ...any) *Error {
	return &Error{Class: Malformed, cause: fmt.Errorf(format, args...)}
}

func notFound(path string) *Error {
	return &Error{Class: NotFound, cause: fmt.Errorf("no secret exists at %s", path)}
}
