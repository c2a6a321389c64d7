// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package backend is the interface between the dev server and its mounts: the
// request and the response of a mount, and the table of its routes. It depends
// neither on HTTP nor on any particular mount.
package backend

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// Operation is the kind of a request, as in Vault's policies.
type Operation string

// The operations.
const (
	Read   Operation = "read"
	Update Operation = "update"
	Delete Operation = "delete"
	List   Operation = "list"
)

// Request is a request to a mount.
type Request struct {
	Operation Operation
	// Mount ends in a slash, such as "pki/" or "auth/approle/". Path is the rest.
	Mount, Path string
	// Params are the values of the names in the route's pattern.
	Params map[string]string
	// Fields are the parameters in the body and the query.
	Fields Fields
	// TLS is the state of the client's connection, nil without TLS.
	TLS *tls.ConnectionState
	// From is the client's address.
	From netip.Addr
	Now  time.Time
	// DefaultTTL and MaxTTL are the mount's, or the server's where those are unset.
	DefaultTTL, MaxTTL time.Duration
	// Wrapped is set if the answer will be wrapped.
	Wrapped bool
	// TokenID is the token as sent. On a public route it has not been checked.
	TokenID string
	// Caller is the token of the request, nil on a public route. Only the server's
	// own mounts know its type.
	Caller any
}

// Response is the answer of a mount. Nil is an empty answer: 204 for a write or a
// delete, 404 for a read or a list.
type Response struct {
	// Data is a map or a struct for the "data" field of the envelope.
	Data any
	// TopLevel repeats the fields of Data in the envelope, as Vault does on its
	// oldest paths.
	TopLevel bool
	Warnings []string
	// Auth requests a login token. Token is an existing one.
	Auth  *Auth
	Token any
	// Lease requests a new lease. LeaseID, Renewable and LeaseDuration are copied
	// into the envelope.
	Lease         *Lease
	LeaseID       string
	Renewable     bool
	LeaseDuration time.Duration
	// Status replaces 200. Raw and its ContentType replace the envelope.
	Status      int
	Raw         []byte
	ContentType string
}

// Auth describes the token of a login.
type Auth struct {
	TokenParams
	// DisplayName is shown by lookups. Alias identifies the user or machine within
	// the mount.
	DisplayName, Alias string
	Metadata           map[string]string
}

// Lease describes the lease of an answer.
type Lease struct {
	Duration  time.Duration
	Renewable bool
	// Revoke is called at most once, when the lease or its token is revoked.
	Revoke func()
}

// Handler handles one operation of a route.
type Handler func(*Request) (*Response, error)

// Data returns a response with data only.
func Data(data any) (*Response, error) { return &Response{Data: data}, nil }

// Keys returns the response to a list. It is nil, and so a 404, without keys.
func Keys(keys []string) (*Response, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return Data(map[string]any{"keys": keys})
}
