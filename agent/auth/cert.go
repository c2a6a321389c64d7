// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"cmp"
	"context"

	"github.com/hashicorp/vault/api"
)

// Cert logs in with the client certificate of the connection. The certificate
// is the client's affair: if the method has one of its own (ca_cert,
// client_cert, client_key), a client that presents it goes into
// Loop.LoginClient.
type Cert struct {
	MountPath string // "" means auth/cert
	Role      string // the certificate role's name; "" means any that matches

	// Files names the files of the certificate, its key and the CA, for Inputs.
	Files []string
}

// Name returns "cert".
func (*Cert) Name() string { return "cert" }

// Inputs returns Files.
func (m *Cert) Inputs() []string { return m.Files }

// Login implements Method.
func (m *Cert) Login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	body := map[string]any{}
	if m.Role != "" {
		body["name"] = m.Role
	}
	return logIn(ctx, c, cmp.Or(m.MountPath, "auth/cert"), body,
		"check that client_cert and client_key are set and not expired, and that the role trusts their CA")
}
