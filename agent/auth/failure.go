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

// The kinds. Time heals those of the first group, a person those of the second.
const (
	Unreachable   Kind = "unreachable"   // no connection, or no answer in time
	Sealed        Kind = "sealed"        // Vault is sealed
	Standby       Kind = "standby"       // no active node
	Uninitialised Kind = "uninitialised" // Vault was never set up
	Limited       Kind = "limited"       // a rate quota is used up
	Unable        Kind = "unable"        // any other error of the server's own

	Credentials Kind = "credentials" // a file cannot be read
	Untrusted   Kind = "untrusted"   // TLS was refused by either side
	Refused     Kind = "refused"     // the credentials are not accepted
	Misplaced   Kind = "misplaced"   // no such path
	Garbled     Kind = "garbled"     // the answer is not Vault's
)

// Passes reports whether waiting is all there is to do.
func (k Kind) Passes() bool {
	switch k {
	case Unreachable, Sealed, Standby, Uninitialised, Limited, Unable:
		return true
	}
	return false
}

// lasts reports whether asking the server again soon is in vain.
func (k Kind) lasts() bool { return k == Refused || k == Misplaced || k == Garbled }

// Failure is why a login did not succeed, in words for the operator.
type Failure struct {
	Kind Kind
	Err  error
	Hint string // what to do about it; may be ""
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// repeats reports whether the operator has heard of a failure when the last one
// was reported. The texts of some kinds name ports or the time of day, and
// differ each time.
func (f *Failure) repeats(last *Failure) bool {
	if last == nil || last.Kind != f.Kind {
		return false
	}
	return f.Kind.Passes() || f.Kind == Untrusted || f.Error() == last.Error()
}

const garbledHint = "check the address: a proxy or another server may be answering there"

func garbled(err error) *Failure {
	return &Failure{Garbled, fmt.Errorf("reading the server's answer: %w", err), garbledHint}
}

// explain finds the kind of an error that a request met; nil for none.
func explain(err error) *Failure {
	var (
		known    *Failure
		answer   *api.ResponseError
		insecure *tls.CertificateVerificationError
		refusal  *net.OpError
		record   tls.RecordHeaderError
		hostname x509.HostnameError
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
