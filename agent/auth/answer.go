// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
)

// explainAnswer returns the failure for an answer with an error status.
func explainAnswer(r *api.ResponseError) *Failure {
	f := &Failure{Err: &answerError{r}}
	switch {
	case r.StatusCode == http.StatusServiceUnavailable && answers(r, "sealed"):
		f.Kind, f.Hint = Sealed, "unseal Vault"
	case r.StatusCode == http.StatusNotImplemented:
		f.Kind, f.Hint = Uninitialised, "initialise Vault"
	case r.StatusCode >= 472 && r.StatusCode <= 474, answers(r, "node not active"), answers(r, "active cluster node not found"):
		f.Kind = Standby
	case r.StatusCode == http.StatusTooManyRequests:
		f.Kind = Limited
	case wantsTLS(r):
		f.Kind, f.Hint = Garbled, "the server speaks TLS at this address: should it begin with https:// ?"
	case r.RawError && r.StatusCode < 500:
		f.Kind, f.Hint = Garbled, garbledHint
	case r.StatusCode == http.StatusBadRequest, r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden:
		f.Kind = Refused
	case r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusMethodNotAllowed:
		f.Kind, f.Hint = Misplaced, "check address, mount_path and namespace"
	default:
		f.Kind = Unable
	}
	return f
}

// wantsTLS reports whether a server that speaks TLS says that the request did not, in the
// words of net/http, of nginx or of Apache.
func wantsTLS(r *api.ResponseError) bool {
	text := strings.ToLower(strings.Join(r.Errors, " "))
	return r.RawError && r.StatusCode == http.StatusBadRequest && (strings.Contains(text, "http request to an https server") ||
		strings.Contains(text, "http request was sent to https port") || strings.Contains(text, "speaking plain http to an ssl-enabled"))
}

func answers(r *api.ResponseError, text string) bool {
	return !r.RawError && strings.Contains(strings.ToLower(strings.Join(r.Errors, " ")), text)
}

// forbidden reports whether the server rejects the token of a request. The status is
// the same for an unknown token and for one without permission; only newer versions of
// Vault add "invalid token" to the former.
func forbidden(err error) bool {
	var r *api.ResponseError
	return errors.As(err, &r) && r.StatusCode == http.StatusForbidden
}

// answerError is vault/api's error on one line, without a body that is not Vault's: it
// can be long, and may quote the request.
type answerError struct{ r *api.ResponseError }

func (e *answerError) Error() string {
	what := oneLine(e.r.Errors)
	switch {
	case e.r.RawError:
		what = "with a body that is not Vault's"
	case what == "":
		what = http.StatusText(e.r.StatusCode)
	}
	path := e.r.URL
	if u, err := url.Parse(path); err == nil {
		path = u.Path
	}
	return fmt.Sprintf("%s %s: status %d: %s", e.r.HTTPMethod, path, e.r.StatusCode, what)
}

func (e *answerError) Unwrap() error { return e.r }

// oneLine joins texts on one line, and cuts it if it is long.
func oneLine(texts []string) string {
	const longest = 400
	line := strings.Join(strings.Fields(strings.Join(texts, "; ")), " ")
	if len(line) > longest {
		line = strings.ToValidUTF8(line[:longest], "") + "…"
	}
	return line
}
