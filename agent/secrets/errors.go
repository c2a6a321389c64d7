// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
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

// slow says whether only an operator, or a login, can end the failure.
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

	cause      error
	retryAfter time.Duration
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %q: %v", e.Request.Kind.verb(), e.Request.Path, e.cause)
}

func (e *Error) Unwrap() error { return e.cause }

// Hint says what to do about the failure, "" if there is nothing but to wait.
func (e *Error) Hint() string {
	switch e.Class {
	case Denied:
		return fmt.Sprintf("the token's policies must allow %q on %q", e.Request.Kind.capability(), e.Request.Path)
	case NotFound:
		return "check the path, its mount, and that the secret has not been deleted"
	case Refused:
		return "check the path and the parameters in the template, and the role that they name"
	case Malformed:
		return "check that the address is Vault's and that no proxy answers in its place"
	}
	return ""
}

// capability is the word that a policy has for the kind.
func (k Kind) capability() string {
	return [...]string{"read", "update", "list", "update"}[k]
}

// classify turns what the Vault client returns into an Error.
func classify(response *api.Response, err error) *Error {
	var refusal *api.ResponseError
	if !errors.As(err, &refusal) {
		return &Error{Class: Transient, cause: networkCause(err)}
	}
	e := &Error{Status: refusal.StatusCode, cause: errors.New(refusalText(refusal))}
	if response != nil {
		e.retryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
	}
	switch status := refusal.StatusCode; {
	case status == http.StatusForbidden && mentions(refusal, "invalid token"):
		e.Class = InvalidToken
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		e.Class = Denied
	case status == http.StatusNotFound:
		e.Class = NotFound
	case status == http.StatusTooManyRequests, status == http.StatusPreconditionFailed,
		status == http.StatusRequestTimeout, status >= 500:
		e.Class = Transient
	default:
		e.Class = Refused
	}
	return e
}

func malformed(format string, args ...any) *Error {
	return &Error{Class: Malformed, cause: fmt.Errorf(format, args...)}
}

func notFound(path string) *Error {
	return &Error{Class: NotFound, cause: fmt.Errorf("no secret exists at %s", path)}
}

// networkCause drops the method and the URL, which the error names already.
func networkCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return fmt.Errorf("asking Vault: %w", u.Err)
	}
	return fmt.Errorf("asking Vault: %w", err)
}

// refusalText is one line, with what Vault says and without what a proxy says.
func refusalText(r *api.ResponseError) string {
	if r.RawError || len(r.Errors) == 0 {
		return fmt.Sprintf("the server answered %d without a reason", r.StatusCode)
	}
	text := strings.Join(strings.Fields(strings.Join(r.Errors, "; ")), " ")
	const longest = 300
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return fmt.Sprintf("Vault answered %d: %s", r.StatusCode, text)
}

func mentions(r *api.ResponseError, text string) bool {
	return !r.RawError && strings.Contains(strings.Join(r.Errors, "\n"), text)
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3): seconds or a
// date; 0 for anything else.
func retryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return seconds(n)
	}
	if t, err := http.ParseTime(value); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
