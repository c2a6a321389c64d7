// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package vaultreq

import "fmt"

// Kind is the way in which a request asks Vault.
type Kind int

// The kinds, each with the template function that asks so.
const (
	Read        Kind = iota // secret PATH: a GET
	Write                   // secret PATH k=v…: a PUT whose answer is used
	List                    // secrets PATH: the sorted keys below a path
	Certificate             // pkiCert PATH k=v…: a PUT that issues a certificate
)

// String returns the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Read:
		return "read"
	case Write:
		return "write"
	case List:
		return "list"
	case Certificate:
		return "certificate"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Gerund returns the word for what a request of the kind does, for messages:
// reading, writing, listing or issuing.
func (k Kind) Gerund() string {
	return [...]string{"reading", "writing", "listing", "issuing"}[k]
}

// Capability returns the word that a policy in Vault has for the kind.
func (k Kind) Capability() string {
	return [...]string{"read", "update", "list", "update"}[k]
}
