// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"
)

// Kind is the reason of a failure.
type Kind string

// The kinds. Failures of the first group are temporary; those of the second need an
// operator.
const (
	Unreachable   Kind = "unreachable"   // no connection, or no answer in time
	Sealed        Kind = "sealed"        // Vault is sealed
	Standby       Kind = "standby"       // no active node
	Uninitialised Kind = "uninitialised" // Vault was never set up
	Limited       Kind = "limited"       // a rate quota is used up
	Unable        Kind = "unable"        // any other error of the server

	Credentials Kind = "credentials" // a file cannot be read
	Untrusted   Kind = "untrusted"   // TLS was refused by either side
	Refused     Kind = "refused"     // the credentials are not accepted
	Misplaced   Kind = "misplaced"   // no such path
	Garbled     Kind = "garbled"     // the answer is not Vault's
)

// Temporary reports whether the failure may pass without an operator.
func (k Kind) Temporary() bool {
	switch k {
	case Unreachable, Sealed, Standby, Uninitialised, Limited, Unable:
		return true
	}
	return false
}

// permanent reports whether the same request will fail again.
func (k Kind) permanent() bool { return k == Refused || k == Misplaced || k == Garbled }

// Failure is why a login failed, for the operator.
type Failure struct {
	Kind Kind
	Err  error
	Hint string // what to do about it; may be ""
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// repeats reports whether a failure is the same as the last one. The errors of some
// kinds contain ports or the time, and differ each time.
func (f *Failure) repeats(last *Failure) bool {
	if last == nil || last.Kind != f.Kind {
		return false
	}
	return f.Kind.Temporary() || f.Kind == Untrusted || f.Error() == last.Error()
}

const garbledHint = "check the address: a proxy or another server may be answering there"

func garbled(err error) *Failure {
	return &Failure{Garbled, fmt.Errorf("reading the server's answer: %w", err), garbledHint}
}

// explain returns the failure for the error of a request; nil for no error.
func explain(err error) *Failure {
	var (
		known    *Failure
		answer   *api.ResponseError
		insecure *tls.CertificateVerificationError
		refusal  *net.OpError
		record   tls.RecordHeaderError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		request  *url.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.As(err, &answer):
		return explainAnswer(answer)
	case errors.As(err, &hostname):
		return &Failure{Untrusted, err, "set tls_server_name to a name that the server's certificate has"}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &Failure{Untrusted, err, "renew the server's certificate, or check the clock of this host"}
	case errors.As(err, &insecure):
		return &Failure{Untrusted, err, "check ca_cert, or ca_path, and the server's certificate"}
	case errors.As(err, &refusal) && refusal.Op == "remote error": // crypto/tls: an alert
		return &Failure{Untrusted, err, "check client_cert and client_key: the server does not accept them, or wants some"}
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return &Failure{Untrusted, err, "the server does not speak TLS at this address: should it begin with http:// ?"}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Unreachable, fmt.Errorf("no complete answer in time: %w", err), ""}
	case errors.As(err, &request):
		return &Failure{Unreachable, err, ""}
	}
	return &Failure{Unable, err, ""}
}
