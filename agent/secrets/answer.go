// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"reflect"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"
)

// Answer is what Vault said to a request. It is shared by all who asked and
// must not be changed.
type Answer struct {
	Request Request
	// Secret is never nil. It has neither Data nor Auth if Vault answered a
	// write without content, as it does for KV version 1.
	Secret *api.Secret
	// Keys are the sorted keys of a List; a list of nothing has none.
	Keys []string
	// Serial is the certificate's serial number in hexadecimal, "" if the
	// answer holds no certificate that could be parsed.
	Serial string
	// Version grows when the content changes, and only then: neither a renewed
	// lease nor a poll that brought the same moves it. No two answers of one
	// Store have the same version.
	Version uint64
	// Adopted says that Config.Adopt supplied the answer.
	Adopted bool
	// FetchedAt is when Vault was asked; RenewAt when it will be asked again,
	// for a renewed lease or for a new answer; ExpiresAt when the answer ends,
	// zero if it does not. They are wall-clock times.
	FetchedAt, RenewAt, ExpiresAt time.Time
}

// sameContent says whether a template would render the same from both.
// Request ids, warnings and what is left of a lease are not content.
func sameContent(a, b *Answer) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Request.Kind == List {
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
