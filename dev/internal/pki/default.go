// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"strconv"

	"github.com/certagent/certagent/dev/internal/backend"
)

const (
	noDefault   = "Invalid issuer specification; must be non-empty and can't be 'default'."
	keyless     = "This selected default issuer has no key associated with it. Some operations like issuing certificates and signing CRLs will be unavailable with the requested default issuer until a key is imported or the default issuer is changed."
	defaultGone = "; this was configured as the default issuer. Operations without an explicit issuer will not work until a new default is configured."
)

// readDefault returns the issuer for roles and paths that name none.
func (p *PKI) readDefault(*backend.Request) (*backend.Response, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return backend.Data(p.issuers.describeDefault())
}

// writeDefault answers config/issuers.
func (p *PKI) writeDefault(r *backend.Request) (*backend.Response, error) {
	c := struct {
		Default string `json:"default"`
		Follow  bool   `json:"default_follows_latest_issuer"`
	}{}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.Follow = p.issuers.follow
	if err := r.Fields.Decode(&c); err != nil {
		return nil, err
	}
	return p.issuers.setDefault(c.Default, c.Follow)
}

// replaceRoot answers root/replace. It makes an issuer the default: the requested
// one, or the one that root/rotate created.
func (p *PKI) replaceRoot(r *backend.Request) (*backend.Response, error) {
	ref := nextName
	if r.Fields.Has("default") {
		ref = r.Fields.String("default")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.issuers.setDefault(ref, p.issuers.follow)
}

func (s *issuers) setDefault(ref string, follow bool) (*backend.Response, error) {
	if ref == "" || ref == "default" {
		return nil, backend.BadRequest(noDefault)
	}
	is, err := s.find(ref)
	if err != nil {
		return nil, backend.BadRequest("Error resolving issuer reference: %s", plain(err))
	}
	s.byDefault, s.follow = is.id, follow
	res := &backend.Response{Data: s.describeDefault()}
	if is.key == nil {
		res.Warnings = []string{keyless}
	}
	return res, nil
}

func (s *issuers) describeDefault() map[string]any {
	return map[string]any{"default": s.byDefault, "default_follows_latest_issuer": s.follow}
}

// deleteIssuer deletes an issuer and warns about roles that name it.
func (p *PKI) deleteIssuer(r *backend.Request) (*backend.Response, error) {
	ref := r.Params["issuer"]
	res := &backend.Response{}
	p.mu.Lock()
	defer p.mu.Unlock()
	is, err := p.issuers.find(ref)
	switch {
	case err != nil && (ref == "" || ref == "default"):
		return nil, err
	case err != nil: // already deleted
		return res, nil
	}
	names := []string{is.name, is.id}
	if p.issuers.remove(is) {
		res.Warnings = append(res.Warnings, "Deleted issuer "+is.id+" (via issuer_ref "+ref+")"+defaultGone)
		names = append(names, "default")
	}
	for _, name := range names {
		if n := p.rolesOf(name); n > 0 {
			res.Warnings = append(res.Warnings, strconv.Itoa(n)+" roles reference "+name)
		}
	}
	return res, nil
}

// rolesOf counts the roles that name an issuer by the given reference.
func (p *PKI) rolesOf(ref string) (n int) {
	for _, ro := range p.roles {
		if ref != "" && ro.IssuerRef == ref {
			n++
		}
	}
	return n
}

func (p *PKI) deleteRoot(*backend.Request) (*backend.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	follow := p.issuers.follow
	p.issuers = newIssuers()
	p.issuers.follow = follow
	return &backend.Response{Warnings: []string{"DELETE /root deletes all keys and issuers; prefer the new DELETE /key/:key_ref and DELETE /issuer/:issuer_ref for finer granularity, unless removal of all keys and issuers is desired."}}, nil
}
