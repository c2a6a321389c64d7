// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import "github.com/certagent/certagent/vaultreq"

// Request is one distinct request to Vault.
type Request = vaultreq.Request

// The kinds of requests.
const (
	Read        = vaultreq.Read
	Write       = vaultreq.Write
	List        = vaultreq.List
	Certificate = vaultreq.Certificate
)
