// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package backend is the seam between the dev server and what is mounted in it:
// the request that a mount is handed, the response that it gives, and the table
// of routes that joins the two. It knows neither HTTP nor any particular mount.
package backend

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// Operation is what a request wants done; Vault's policies speak of the same.
type Operation string

// The operations.
const (
	Read   Operation = "read"
	Update Operation = "update"
	Delete Operation = "delete"
	List   Operation = "list"
)

// Request is one request as a mount sees it.
type Request struct {
	Operation Operation
	// Mount ends in a slash, such as "pki/" or "auth/approle/"; Path is what
	// follows it.
	Mount, Path string
	// Params are the parts of Path that the route's pattern names.
	Params map[string]string
	// Fields are the body's and the query's.
	Fields Fields
	// TLS is the state of the client's connection, nil without TLS.
	TLS *tls.ConnectionState
	// From is the client's address.
	From netip.Addr
	Now  time.Time
	// DefaultTTL and MaxTTL are the mount's, already completed by the server's.
	DefaultTTL, MaxTTL time.Duration
	// Wrapped says that the answer will be wrapped.
	Wrapped bool
	// TokenID is the token as sent, unchecked on a public route.
	TokenID string
	// Caller is the token that asks, nil on a public route. Only the server's
	// own mounts know what is in it.
	Caller any
}

// Response is what a mount answers. Nil means "nothing": 204 for a write or a
// delete, 404 for a read or a list.
type Response struct {
	// Data is a map or a struct that becomes the envelope's "data".
	Data any
	// TopLevel repeats Data's fields beside the envelope's, as Vault does on
	// its oldest paths.
	TopLevel bool
	Warnings []string
	// Auth asks for a login token, Token returns one that exists already.
	Auth  *Auth
	Token any
	// Lease asks for a new lease. LeaseID, Renewable and LeaseDuration are
	// shown as they are.
	Lease         *Lease
	LeaseID       string
	Renewable     bool
	LeaseDuration time.Duration
	// Status replaces 200. Raw, with its ContentType, replaces the envelope.
	Status      int
	Raw         []byte
	ContentType string
}

// Auth describes the token that a login asks for.
type Auth struct {
	TokenParams
	// DisplayName is what lookups show, Alias what names the person or machine
	// within the mount.
	DisplayName, Alias string
	Metadata           map[string]string
}

// Lease describes a lease that an answer carries.
type Lease struct {
	Duration  time.Duration
	Renewable bool
	// Revoke is called at most once, when the lease is revoked or its token is.
	Revoke func()
}

// Handler answers one operation of one route.
type Handler func(*Request) (*Response, error)

// Data is a response with nothing but data.
func Data(data any) (*Response, error) { return &Response{Data: data}, nil }

// Keys is the response to a list; nil, and so 404, if there are none.
func Keys(keys []string) (*Response, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return Data(map[string]any{"keys": keys})
}
