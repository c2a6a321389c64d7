// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/backoff"
)

// classify returns the Error for what the Vault client returns.
func classify(response *api.Response, err error) *Error {
	var refusal *api.ResponseError
	if !errors.As(err, &refusal) {
		return &Error{Class: Transient, cause: networkCause(err), untrusted: untrusted(err)}
	}
	e := &Error{Status: refusal.StatusCode, cause: errors.New(refusalText(refusal)), plain: wantsTLS(refusal)}
	if response != nil {
		e.RetryAfter = backoff.RetryAfter(response.Header.Get("Retry-After"), time.Now())
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

// untrusted returns what to do if TLS was refused by either side; "" if it was not.
func untrusted(err error) string {
	var (
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		insecure *tls.CertificateVerificationError
		refusal  *net.OpError
		record   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &hostname):
		return "set tls_server_name to a name that the server's certificate has"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the server's certificate, or check the clock of this host"
	case errors.As(err, &insecure):
		return "check ca_cert, or ca_path, and the server's certificate"
	case errors.As(err, &refusal) && refusal.Op == "remote error": // crypto/tls: an alert
		return "check client_cert and client_key: the server does not accept them, or wants some"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the server does not speak TLS at this address: should it begin with http:// ?"
	}
	return ""
}

// networkCause removes the method and the URL, which the Error contains already.
func networkCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return fmt.Errorf("asking Vault: %w", u.Err)
	}
	return fmt.Errorf("asking Vault: %w", err)
}

// refusalText returns one line with the errors of Vault's answer, and without the text
// of a proxy.
func refusalText(r *api.ResponseError) string {
	if r.RawError || len(r.Errors) == 0 {
		return fmt.Sprintf("the server answered %d without a reason", r.StatusCode)
	}
	return fmt.Sprintf("Vault answered %d: %s", r.StatusCode, oneLine(r.Errors, longestReason))
}

// longestReason is how much of Vault's reasons or warnings is shown.
const longestReason = 300

// oneLine joins texts on one line, and cuts it if it is long.
func oneLine(texts []string, longest int) string {
	var b strings.Builder
	for _, text := range texts {
		if b.Len() > longest {
			break
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(text)
	}
	line := strings.Join(strings.Fields(b.String()), " ")
	if len(line) > longest {
		line = strings.ToValidUTF8(line[:longest], "") + "…"
	}
	return line
}

// wantsTLS reports whether a server that speaks TLS says that the request did not, in the
// words of net/http, of nginx or of Apache.
func wantsTLS(r *api.ResponseError) bool {
	text := strings.ToLower(strings.Join(r.Errors, " "))
	return r.RawError && r.StatusCode == http.StatusBadRequest && (strings.Contains(text, "http request to an https server") ||
		strings.Contains(text, "http request was sent to https port") || strings.Contains(text, "speaking plain http to an ssl-enabled"))
}

func mentions(r *api.ResponseError, text string) bool {
	return !r.RawError && strings.Contains(strings.Join(r.Errors, "\n"), text)
}
