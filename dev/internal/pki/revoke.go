// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

func (p *PKI) revoke(r *backend.Request) (*backend.Response, error) {
	serial := r.Fields.String("serial_number")
	if text := r.Fields.String("certificate"); serial == "" && text != "" {
		certs, _, err := parseBundle(text)
		if err != nil {
			return nil, err
		}
		serial = serialOf(certs[0])
	}
	if serial == "" {
		return nil, backend.BadRequest("The serial number or certificate to revoke must be provided.")
	}
	at, ok := p.issued.revoke(serial, r.Now)
	if !ok {
		return nil, backend.BadRequest("certificate with serial %s not found.", serial)
	}
	return backend.Data(map[string]any{
		"revocation_time": at.Unix(), "revocation_time_rfc3339": at.UTC().Format(time.RFC3339Nano), "state": "revoked",
	})
}
