// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"reflect"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// Answer is Vault's answer to a request. It is shared and must not be changed.
type Answer struct {
	Request vaultreq.Request
	// Secret is never nil. It has neither Data nor Auth if Vault answered a
	// write without content, as it does for KV version 1.
	Secret *api.Secret
	// Keys are the sorted keys of a List; nil for an empty list.
	Keys []string
	// Serial is the certificate's serial number in hexadecimal, "" if the
	// answer contains no certificate that can be parsed.
	Serial string
	// Version grows when the content changes, and only then: not with a renewed lease,
	// nor with a poll that returned the same. No two contents of one Store have the
	// same version.
	Version uint64
	// Adopted reports whether the answer came from Config.Adopt.
	Adopted bool
	// FetchedAt is the time of the request; RenewAt is when the lease is renewed or
	// the request repeated; ExpiresAt is when the answer expires, zero if it does not.
	// They are wall-clock times.
	FetchedAt, RenewAt, ExpiresAt time.Time
}

// sameContent reports whether a template renders the same from both answers. Request
// IDs, warnings and the remaining lease are not content.
func sameContent(a, b *Answer) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Request.Kind == vaultreq.List {
		return slices.Equal(a.Keys, b.Keys)
	}
	return a.Secret.LeaseID == b.Secret.LeaseID &&
		reflect.DeepEqual(a.Secret.Data, b.Secret.Data) &&
		reflect.DeepEqual(a.Secret.WrapInfo, b.Secret.WrapInfo) &&
		sameAuth(a.Secret.Auth, b.Secret.Auth)
}

func sameAuth(a, b *api.SecretAuth) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.LeaseDuration, y.LeaseDuration = 0, 0
	return reflect.DeepEqual(x, y)
}
