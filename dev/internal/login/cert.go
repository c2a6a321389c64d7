// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package login

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

// Cert is the login method for TLS client certificates.
type Cert struct{ roles roles[certRole] }

// certRole is an entry of certs/. Certificate is a CA or the exact client
// certificate.
type certRole struct {
	backend.TokenParams
	AllowedCommonNames []string `json:"allowed_common_names"`
	AllowedDNSSANs     []string `json:"allowed_dns_sans"`
	AllowedEmailSANs   []string `json:"allowed_email_sans"`
	AllowedNames       []string `json:"allowed_names"`
	AllowedOUs         []string `json:"allowed_organizational_units"`
	AllowedURISANs     []string `json:"allowed_uri_sans"`
	Certificate        string   `json:"certificate"`
	DisplayName        string   `json:"display_name"`
	name               string
	certs              []*x509.Certificate
}

// NewCert returns the method without roles.
func NewCert() *Cert { return &Cert{} }

// Routes returns the routes of the method.
func (c *Cert) Routes() backend.Table {
	return backend.Table{
		{Pattern: "certs", List: c.roles.list},
		{Pattern: "certs/{name}", Read: c.roles.read, Update: c.write, Delete: c.roles.delete},
		{Pattern: "login", Public: true, Update: c.login},
	}
}

func (c *Cert) write(r *backend.Request) (*backend.Response, error) {
	name := strings.ToLower(r.Params["name"])
	fresh := func() certRole { return certRole{TokenParams: backend.NewTokenParams(), name: name} }
	return nil, c.roles.update(name, fresh, func(role *certRole) error {
		if err := r.Fields.Decode(role); err != nil {
			return err
		}
		if err := role.DecodeOld(r.Fields, "max_ttl", "period", "policies", "ttl"); err != nil {
			return err
		}
		if role.DisplayName == "" {
			role.DisplayName = name
		}
		role.certs = parseCerts(role.Certificate)
		if len(role.certs) == 0 {
			return backend.BadRequest("failed to parse certificate")
		}
		return nil
	})
}

func parseCerts(text string) (list []*x509.Certificate) {
	for rest := []byte(text); ; {
		block, more := pem.Decode(rest)
		if block == nil {
			return list
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, cert)
		}
		rest = more
	}
}

func (c *Cert) login(r *backend.Request) (*backend.Response, error) {
	if r.TLS == nil {
		return nil, backend.BadRequest("tls connection required")
	}
	if len(r.TLS.PeerCertificates) == 0 {
		return nil, backend.BadRequest("client certificate must be supplied")
	}
	wanted, leaf := r.Fields.String("name"), r.TLS.PeerCertificates[0]
	for _, role := range c.roles.all() {
		if (wanted == "" || wanted == role.name) && role.trusts(r) && role.allows(leaf) {
			return &backend.Response{Auth: &backend.Auth{
				TokenParams: role.TokenParams, DisplayName: role.DisplayName, Alias: leaf.Subject.CommonName, Metadata: certMetadata(role.name, leaf),
			}}, nil
		}
	}
	return nil, backend.BadRequest("failed to match all constraints for this login certificate")
}

// trusts reports whether the certificate equals the role's, or was issued by its
// CA and is valid now.
func (role *certRole) trusts(r *backend.Request) bool {
	leaf, roots, intermediates := r.TLS.PeerCertificates[0], x509.NewCertPool(), x509.NewCertPool()
	for _, cert := range role.certs {
		if !cert.IsCA && cert.Equal(leaf) && !r.Now.After(leaf.NotAfter) {
			return true
		}
		roots.AddCert(cert)
	}
	for _, cert := range r.TLS.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: r.Now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

func (role *certRole) allows(leaf *x509.Certificate) bool {
	var uris []string
	for _, u := range leaf.URIs {
		uris = append(uris, u.String())
	}
	names := slices.Concat([]string{leaf.Subject.CommonName}, leaf.DNSNames, leaf.EmailAddresses)
	return fits(role.AllowedCommonNames, []string{leaf.Subject.CommonName}) && fits(role.AllowedDNSSANs, leaf.DNSNames) &&
		fits(role.AllowedEmailSANs, leaf.EmailAddresses) && fits(role.AllowedURISANs, uris) &&
		fits(role.AllowedOUs, leaf.Subject.OrganizationalUnit) && fits(role.AllowedNames, names)
}

// fits reports whether one of the names matches one of the globs. An empty list of
// globs matches everything.
func fits(globs, names []string) bool {
	return len(globs) == 0 || slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(globs, func(glob string) bool { return backend.Glob(glob, name) })
	})
}

func certMetadata(role string, leaf *x509.Certificate) map[string]string {
	return map[string]string{
		"cert_name": role, "common_name": leaf.Subject.CommonName, "serial_number": leaf.SerialNumber.String(),
		"subject_key_id": colons(leaf.SubjectKeyId), "authority_key_id": colons(leaf.AuthorityKeyId),
	}
}

func colons(b []byte) string {
	parts := make([]string, len(b))
	for i := range b {
		parts[i] = hex.EncodeToString(b[i : i+1])
	}
	return strings.Join(parts, ":")
}
