// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// notAfter returns the end of the certificate's validity. It is not later than
// that of the CA, unless the issuer permits it.
func (o *order) notAfter() (time.Time, error) {
	end, warnings, err := o.in.notAfter(o.role, o.Request)
	if err != nil {
		return time.Time{}, err
	}
	o.warnings = append(warnings, o.warnings...)
	ca := o.issuer.cert.NotAfter
	switch {
	case !end.After(ca) || o.issuer.notAfter == "permit":
		return end, nil
	case o.issuer.notAfter == "truncate":
		return ca, nil
	}
	return time.Time{}, backend.BadRequest("cannot satisfy request, as TTL would result in notAfter of %s that is beyond the expiration of the CA certificate at %s",
		end.UTC().Format(time.RFC3339Nano), ca.UTC().Format(time.RFC3339Nano))
}

// template returns the certificate to sign.
func (o *order) template(n *names) (*x509.Certificate, error) {
	end, err := o.notAfter()
	if err != nil {
		return nil, err
	}
	policies, err := parsePolicies(o.role.PolicyIdentifiers)
	if err != nil {
		return nil, err
	}
	unknown, err := parseOIDs(o.role.ExtKeyUsageOIDs)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: newSerial(), Subject: o.role.subject(n.common, o.in.SerialNumber),
		NotBefore: o.Now.Add(-time.Duration(o.role.NotBeforeDuration)), NotAfter: end,
		DNSNames: n.dns, EmailAddresses: n.email, IPAddresses: n.ips, URIs: n.uris,
		KeyUsage: o.role.keyUsage(), ExtKeyUsage: o.role.extKeyUsage(), UnknownExtKeyUsage: unknown,
		BasicConstraintsValid: o.role.BasicConstraintsLeaf, Policies: policies,
		AuthorityKeyId: o.issuer.cert.SubjectKeyId, // Go omits it if both names are equal
	}
	if o.verbatim != nil {
		t.RawSubject = o.verbatim.RawSubject
	}
	t.SubjectKeyId, err = keyID(o.public)
	return t, err
}

func (ro *role) subject(common, serial string) pkix.Name {
	return pkix.Name{
		CommonName: common, SerialNumber: serial, Country: ro.Country, Organization: ro.Organization, OrganizationalUnit: ro.OU,
		Locality: ro.Locality, Province: ro.Province, StreetAddress: ro.StreetAddress, PostalCode: ro.PostalCode,
	}
}

// newSerial returns a random number of 20 bytes. Its first bit is 0, so that it is
// positive, and its second is 1, so that it always has 20 bytes.
func newSerial() *big.Int {
	b := make([]byte, 20)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// keyID returns the subject key identifier of RFC 5280, 4.2.1.2, method 1.
func keyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha1.Sum(info.Key.Bytes)
	return sum[:], nil
}
