// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

func (s systemMount) lookupLease(r *backend.Request) (*backend.Response, error) {
	id, err := leaseID(r)
	if err != nil {
		return nil, err
	}
	l, ok := s.leases.find(id, r.Now)
	if !ok {
		return nil, backend.BadRequest("invalid lease")
	}
	data := map[string]any{
		"expire_time": l.expires, "id": l.id, "issue_time": l.issued, "last_renewal": nil, "renewable": l.renewable,
		"ttl": int64((l.expires.Sub(r.Now) + time.Second/2) / time.Second),
	}
	if !l.renewed.IsZero() {
		data["last_renewal"] = l.renewed
	}
	return backend.Data(data)
}

func (s systemMount) renewLease(r *backend.Request) (*backend.Response, error) {
	id, err := leaseID(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Increment backend.Seconds `json:"increment"`
	}
	if err := r.Fields.Decode(&in); err != nil {
		return nil, err
	}
	l, err := s.leases.renew(id, durationOf(in.Increment), r.Now)
	if err != nil {
		return nil, err
	}
	return &backend.Response{LeaseID: l.id, Renewable: true, LeaseDuration: l.expires.Sub(r.Now)}, nil
}

func (s systemMount) revokeLease(r *backend.Request) (*backend.Response, error) {
	id, err := leaseID(r)
	if err != nil {
		return nil, err
	}
	s.leases.revokeID(id)
	return nil, nil
}

func (s systemMount) revokePrefix(r *backend.Request) (*backend.Response, error) {
	s.leases.revokePrefix(r.Params["id"])
	return nil, nil
}

// leaseID returns the lease id from the path or the body.
func leaseID(r *backend.Request) (string, error) {
	if id := r.Params["id"]; id != "" {
		return id, nil
	}
	if id := r.Fields.String("lease_id"); id != "" {
		return id, nil
	}
	return "", backend.BadRequest("lease_id must be specified")
}
