// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"

	"github.com/certagent/certagent/certspec"
)

// Request is one request to Vault for a certificate.
type Request struct {
	// Path is below the API's root: mount/sign/role or mount/issue/role.
	Path string
	// Params is the body: strings, and lists of them where Vault takes lists. It
	// contains no secret.
	Params map[string]any
	// Key is the private key of the CSR in Params, which stays on this host. It is
	// the zero value if Vault makes the key.
	Key PrivateKey
}

// NewRequest returns the request for a certificate, with a new private key unless
// Vault makes it or held is reused. held may be the zero value; a key of another
// kind than specified is not reused. The specification must be valid.
func NewRequest(s certspec.Spec, held PrivateKey) (Request, error) {
	r := Request{Path: s.Path(), Params: paramsOf(s)}
	if s.Key.Type == certspec.Vault {
		return r, nil
	}
	r.Key = held
	if !s.Key.Reuse || held.signer == nil || checkKey(s.Key, held.Public()) != nil {
		var err error
		if r.Key, err = generateKey(s.Key); err != nil {
			return Request{}, err
		}
	}
	csr, err := newCSR(s, r.Key)
	if err != nil {
		return Request{}, err
	}
	r.Params["csr"] = csr
	return r, nil
}

// paramsOf returns the body without the CSR. The names are in the CSR, too: the
// role's use_csr_common_name and use_csr_sans decide which of the two Vault uses.
func paramsOf(s certspec.Spec) map[string]any {
	p := map[string]any{}
	for name, value := range maps.All(s.Params) {
		p[name] = value
	}
	// Vault takes alt_names as one string; the elements of the lists may contain commas.
	for name, value := range map[string]string{
		"common_name": s.CommonName, "alt_names": strings.Join(s.AltNames, ","), "not_after": s.NotAfter,
	} {
		if value != "" {
			p[name] = value
		}
	}
	for name, list := range map[string][]string{"ip_sans": s.IPSANs, "uri_sans": s.URISANs, "other_sans": s.OtherSANs} {
		if len(list) > 0 {
			p[name] = append([]string(nil), list...)
		}
	}
	if s.ExcludeCNFromSANs {
		p["exclude_cn_from_sans"] = true
	}
	if s.TTL > 0 {
		p["ttl"] = fmt.Sprintf("%ds", int64(s.TTL.Seconds()))
	}
	return p
}

// newCSR returns a CSR with the names, in PEM (RFC 2986).
func newCSR(s certspec.Spec, key PrivateKey) (string, error) {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: s.CommonName}}
	if n := s.Names(); !n.Empty() {
		extension, err := extensionOf(n)
		if err != nil {
			return "", fmt.Errorf("encoding the names: %w", err)
		}
		template.ExtraExtensions = []pkix.Extension{extension}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key.signer)
	if err != nil {
		return "", fmt.Errorf("making a CSR: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}
