// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"cmp"
	"context"
	"slices"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

// Cert logs in with the client certificate of the connection. If the method has its own
// certificate (ca_cert, client_cert, client_key), Loop.LoginClient must present it.
type Cert struct {
	settings.Cert
	MountPath string // "" means auth/cert
}

// Name returns "cert".
func (*Cert) Name() string { return "cert" }

// Inputs returns the files of the certificate, if they are to be reloaded.
func (m *Cert) Inputs() []string {
	if !m.Reload {
		return nil
	}
	return slices.DeleteFunc([]string{m.CACert, m.ClientCert, m.ClientKey}, func(path string) bool { return path == "" })
}

// Login implements Method.
func (m *Cert) Login(ctx context.Context, c *api.Client) (*api.Secret, error) {
	body := map[string]any{}
	if m.Cert.Name != "" {
		body["name"] = m.Cert.Name
	}
	return logIn(ctx, c, cmp.Or(m.MountPath, "auth/cert"), body,
		"check that client_cert and client_key are set and not expired, and that the role trusts their CA")
}
