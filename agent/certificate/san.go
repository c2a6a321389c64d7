// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"slices"
	"strings"

	"github.com/certagent/certagent/certspec"
)

var oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}

// The tags of GeneralName (RFC 5280, 4.2.1.6).
const (
	tagOther = 0
	tagEmail = 1
	tagDNS   = 2
	tagURI   = 6
	tagIP    = 7
)

// anotherName is AnotherName of RFC 5280 with a string as its value.
type anotherName struct {
	OID   asn1.ObjectIdentifier
	Value string `asn1:"tag:0,explicit,utf8"`
}

// extensionOf returns the names as an extension of a CSR. crypto/x509 supports all
// but the other names.
func extensionOf(n certspec.Names) (pkix.Extension, error) {
	var list []asn1.RawValue
	add := func(tag int, content []byte) {
		list = append(list, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: content})
	}
	for _, o := range n.Others {
		oid, err := o.ObjectIdentifier()
		if err != nil {
			return pkix.Extension{}, err
		}
		der, err := asn1.MarshalWithParams(anotherName{oid, o.Text}, "tag:0")
		if err != nil {
			return pkix.Extension{}, err
		}
		list = append(list, asn1.RawValue{FullBytes: der})
	}
	for _, name := range n.Email {
		add(tagEmail, []byte(name))
	}
	for _, name := range n.DNS {
		add(tagDNS, []byte(name))
	}
	for _, uri := range n.URIs {
		add(tagURI, []byte(uri))
	}
	for _, ip := range n.IPs {
		add(tagIP, netip.MustParseAddr(ip).AsSlice())
	}
	der, err := asn1.Marshal(list)
	return pkix.Extension{Id: oidSAN, Value: der}, err
}

// otherNamesOf returns the other names of a certificate, which crypto/x509 skips. It
// ignores those that are not strings: Vault makes none.
func otherNamesOf(c *x509.Certificate) (found []certspec.OtherName) {
	for _, e := range c.Extensions {
		var list []asn1.RawValue
		if !e.Id.Equal(oidSAN) {
			continue
		}
		if _, err := asn1.Unmarshal(e.Value, &list); err != nil {
			continue
		}
		for _, general := range list {
			var name anotherName
			if general.Class != asn1.ClassContextSpecific || general.Tag != tagOther {
				continue
			}
			if _, err := asn1.UnmarshalWithParams(general.FullBytes, &name, "tag:0"); err == nil {
				found = append(found, certspec.OtherName{OID: name.OID.String(), Text: name.Value})
			}
		}
	}
	return found
}

// namesOf returns the alternative names that a certificate contains.
func namesOf(c *x509.Certificate) certspec.Names {
	var n certspec.Names
	for _, name := range c.DNSNames {
		n.DNS = append(n.DNS, strings.ToLower(name))
	}
	n.Email = slices.Clone(c.EmailAddresses)
	for _, ip := range c.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			n.IPs = append(n.IPs, addr.Unmap().String())
		}
	}
	for _, u := range c.URIs {
		n.URIs = append(n.URIs, u.String())
	}
	n.Others = otherNamesOf(c)
	return n.Normalize()
}
