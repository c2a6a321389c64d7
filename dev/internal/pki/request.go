// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"encoding/pem"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// certRequest is the body of a request for a certificate.
type certRequest struct {
	CommonName        string          `json:"common_name"`
	AltNames          []string        `json:"alt_names"`
	IPSANs            []string        `json:"ip_sans"`
	URISANs           []string        `json:"uri_sans"`
	OtherSANs         []string        `json:"other_sans"`
	SerialNumber      string          `json:"serial_number"`
	UserIDs           []string        `json:"user_ids"`
	ExcludeCNFromSANs bool            `json:"exclude_cn_from_sans"`
	TTL               backend.Seconds `json:"ttl"`
	NotAfter          string          `json:"not_after"`
	Format            string          `json:"format"`
	PrivateKeyFormat  string          `json:"private_key_format"`
	CSR               string          `json:"csr"`
	IssuerRef         string          `json:"issuer_ref"`
	RemoveRoots       bool            `json:"remove_roots_from_chain"`
	UseCSRValues      bool            `json:"use_csr_values"`
	MaxPathLength     int             `json:"max_path_length"`
	IssuerName        string          `json:"issuer_name"`
	KeyName           string          `json:"key_name"`
}

func (in *certRequest) decode(r *backend.Request) error {
	in.Format, in.MaxPathLength = "pem", -1
	if err := r.Fields.Decode(in); err != nil {
		return err
	}
	if !slices.Contains([]string{"pem", "der", "pem_bundle"}, in.Format) {
		return backend.BadRequest(`the "format" path parameter must be "pem", "der", or "pem_bundle"`)
	}
	if in.TTL < 0 {
		return backend.BadRequest(`"ttl" must be non-negative`)
	}
	return nil
}

// unknown warns about unknown fields, since Vault ignores misspelt ones silently.
func (in *certRequest) unknown(r *backend.Request) []string {
	var list []string
	for name := range r.Fields {
		if !slices.Contains(knownFields, name) {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.Sort(list)
	return []string{"Endpoint ignored these unrecognized parameters: [" + strings.Join(list, " ") + "]"}
}

// knownFields are the names of the fields of certRequest, and of one that is
// accepted and ignored.
var knownFields = func() []string {
	list := []string{"cert_metadata"}
	t := reflect.TypeFor[certRequest]()
	for i := range t.NumField() {
		list = append(list, t.Field(i).Tag.Get("json"))
	}
	return list
}()

// parseCSR parses a CSR and checks its signature.
func (in *certRequest) parseCSR() (*x509.CertificateRequest, error) {
	if in.CSR == "" {
		return nil, backend.BadRequest(`"csr" is empty`)
	}
	block, _ := pem.Decode([]byte(in.CSR))
	if block == nil {
		return nil, backend.BadRequest("csr contains no data")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, backend.BadRequest("certificate request could not be parsed: %v", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, backend.BadRequest("request signature invalid: %v", err)
	}
	return csr, nil
}

// names returns the requested names, with those of the CSR if the role allows
// these.
func (in *certRequest) names(ro *role, csr *x509.CertificateRequest) (*names, []string, error) {
	var warnings []string
	n := &names{common: in.CommonName}
	if csr != nil && ro.UseCSRCommonName {
		if in.CommonName != "" {
			warnings = append(warnings, `the common_name field was provided but the role is set with "use_csr_common_name" set to true`)
		}
		n.common = csr.Subject.CommonName
	}
	if n.common == "" && ro.RequireCN {
		return nil, nil, backend.BadRequest(`the common_name field is required, or must be provided in a CSR with "use_csr_common_name" set to true, unless "require_cn" is set to false`)
	}
	if n.common != "" && !in.ExcludeCNFromSANs {
		n.addName(n.common)
	}
	if csr != nil && ro.UseCSRSANs {
		n.fromCSR(csr)
	} else {
		for _, name := range in.AltNames {
			n.addName(name)
		}
		if err := n.addIPs(in.IPSANs); err != nil {
			return nil, nil, err
		}
		if err := n.addURIs(in.URISANs); err != nil {
			return nil, nil, err
		}
	}
	n.normalize()
	return n, warnings, nil
}

// checkFields returns an error for values that the role does not list.
func (in *certRequest) checkFields(ro *role) error {
	if in.SerialNumber != "" && !slices.ContainsFunc(ro.AllowedSerialNumbers, globbing(in.SerialNumber)) {
		return backend.BadRequest("serial_number %s not allowed by this role", in.SerialNumber)
	}
	for _, id := range in.UserIDs {
		if !slices.ContainsFunc(ro.AllowedUserIDs, globbing(id)) {
			return backend.BadRequest("user_id %s is not allowed by this role", id)
		}
	}
	if len(in.OtherSANs) > 0 {
		if len(ro.AllowedOtherSANs) == 0 {
			oid, _, _ := strings.Cut(in.OtherSANs[0], ";")
			return backend.BadRequest("other SAN OID %s not allowed by this role", oid)
		}
		return backend.BadRequest("the dev server does not support other SANs")
	}
	return nil
}

func globbing(text string) func(string) bool {
	return func(glob string) bool { return backend.Glob(glob, text) }
}

// notAfter returns the end of a certificate's validity. Like Vault, it warns twice
// if the maximum of the role shortens the TTL.
func (in *certRequest) notAfter(ro *role, r *backend.Request) (time.Time, []string, error) {
	ttl := time.Duration(in.TTL)
	if ttl == 0 {
		ttl = time.Duration(ro.TTL)
	}
	if ttl == 0 {
		ttl = r.DefaultTTL
	}
	limit := r.MaxTTL
	if ro.MaxTTL > 0 {
		limit = time.Duration(ro.MaxTTL)
	}
	var warnings []string
	if ttl > limit {
		warning := `TTL "` + ttl.String() + `" is longer than permitted maxTTL "` + limit.String() + `", so maxTTL is being used`
		warnings, ttl = []string{warning, warning}, limit
	}
	text := in.NotAfter
	if text != "" && in.TTL > 0 {
		return time.Time{}, nil, backend.BadRequest("Either ttl or not_after should be provided. Both should not be provided in the same request.")
	}
	if text == "" {
		text = ro.NotAfter
	}
	if text == "" {
		return r.Now.Add(ttl), warnings, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, nil, backend.BadRequest("%v", err)
	}
	return t, warnings, nil
}
