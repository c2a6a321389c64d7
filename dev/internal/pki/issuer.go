// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"regexp"
	"slices"

	"github.com/certagent/certagent/dev/internal/backend"
)

// nextName is the default issuer name of root/rotate.
const nextName = "next"

var issuerName = regexp.MustCompile(`^\w([\w.-]*\w)?$`)

// issuer is a CA certificate with its key. It is replaced, never modified.
type issuer struct {
	id, name, keyID string
	cert            *x509.Certificate
	key             crypto.Signer // nil: the certificate is used in chains only
	notAfter        string        // leaf_not_after_behavior: err, truncate or permit
}

// issuers contains the issuers and keys of a mount. The mount's lock guards it.
type issuers struct {
	byID      map[string]*issuer
	order     []string                 // ids, oldest first
	keys      map[string]crypto.Signer // by key id; includes the keys of pending CSRs
	byDefault string                   // an id, or ""
	follow    bool                     // a new issuer becomes the default
}

func newIssuers() issuers {
	return issuers{byID: make(map[string]*issuer), keys: make(map[string]crypto.Signer)}
}

// add stores an issuer. The first one with a key becomes the default.
func (s *issuers) add(is *issuer) {
	s.byID[is.id] = is
	s.order = append(s.order, is.id)
	if s.byDefault == "" && is.key != nil {
		s.byDefault = is.id
	}
}

// remove removes an issuer and reports whether it was the default.
func (s *issuers) remove(is *issuer) bool {
	delete(s.byID, is.id)
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == is.id })
	if s.byDefault != is.id {
		return false
	}
	s.byDefault = ""
	return true
}

// followTo makes a new issuer the default, if default_follows_latest_issuer is set.
func (s *issuers) followTo(is *issuer) {
	if s.follow && is.key != nil {
		s.byDefault = is.id
	}
}

// checkName refuses an invalid name and a name of another issuer.
func (s *issuers) checkName(name string, is *issuer) error {
	switch other, err := s.find(name); {
	case name == "":
		return nil
	case name == "default":
		return backend.BadRequest("reserved keyword 'default' can not be used as issuer name")
	case !issuerName.MatchString(name):
		return backend.BadRequest("issuer name contained invalid characters")
	case err == nil && (is == nil || other.id != is.id):
		return backend.BadRequest("issuer name already in use")
	}
	return nil
}

// addKey stores a key and returns its id.
func (s *issuers) addKey(key crypto.Signer) string {
	id := backend.UUID()
	s.keys[id] = key
	return id
}

// keyOf returns the key of a certificate.
func (s *issuers) keyOf(cert *x509.Certificate) (string, crypto.Signer) {
	for id, key := range s.keys {
		if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && pub.Equal(cert.PublicKey) {
			return id, key
		}
	}
	return "", nil
}

// find returns an issuer by id or name, or the default.
func (s *issuers) find(ref string) (*issuer, error) {
	if ref == "" || ref == "default" {
		if s.byDefault == "" {
			return nil, backend.BadRequest("no default issuer currently configured")
		}
		ref = s.byDefault
	}
	for _, is := range s.byID {
		if is.id == ref || is.name != "" && is.name == ref {
			return is, nil
		}
	}
	return nil, backend.Listed(500, "unable to find PKI issuer for reference: "+ref)
}

// chain returns the certificate of the issuer, then those of its ancestors in the
// mount.
func (s *issuers) chain(is *issuer) []*x509.Certificate {
	chain := []*x509.Certificate{is.cert}
	for top := is.cert; !bytes.Equal(top.RawSubject, top.RawIssuer) && len(chain) <= len(s.order); top = chain[len(chain)-1] {
		parent := s.parent(top)
		if parent == nil {
			break
		}
		chain = append(chain, parent)
	}
	return chain
}

func (s *issuers) parent(cert *x509.Certificate) *x509.Certificate {
	for _, id := range s.order {
		if candidate := s.byID[id].cert; bytes.Equal(candidate.RawSubject, cert.RawIssuer) && cert.CheckSignatureFrom(candidate) == nil {
			return candidate
		}
	}
	return nil
}

// issuer returns an issuer that has a key, and its chain.
func (p *PKI) issuer(ref string) (*issuer, []*x509.Certificate, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	is, err := p.issuers.find(ref)
	if err == nil && is.key == nil {
		err = backend.BadRequest("unable to fetch corresponding key for issuer %s; unable to use this issuer for signing", is.id)
	}
	if err != nil {
		return nil, nil, err
	}
	return is, p.issuers.chain(is), nil
}
