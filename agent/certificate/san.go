// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/netip"
	"strings"
)

// otherName is a name of a kind that has an OID (RFC 5280, 4.2.1.6), such as a
// Windows user's. Of its kinds of value Vault knows one, UTF-8.
type otherName struct {
	OID  string `json:"oid"`
	Text string `json:"text"`
}

func (o otherName) String() string { return o.OID + ";UTF8:" + o.Text }

func (o otherName) compare(p otherName) int {
	return cmp.Or(cmp.Compare(o.OID, p.OID), cmp.Compare(o.Text, p.Text))
}

// parseOtherName reads Vault's form of it.
func parseOtherName(text string) (otherName, error) {
	oid, rest, _ := strings.Cut(text, ";")
	kind, value, found := strings.Cut(rest, ":")
	_, err := parseOID(oid)
	if !found || err != nil || !(strings.EqualFold(kind, "UTF8") || strings.EqualFold(kind, "UTF-8")) || value == "" || hasControl(value) {
		return otherName{}, fmt.Errorf("%q is not of the form %q", text, "<oid>;UTF8:<text>")
	}
	return otherName{oid, value}, nil
}

// parseOID turns dotted numbers into the form that encoding/asn1 writes.
func parseOID(text string) (asn1.ObjectIdentifier, error) {
	parsed, err := x509.ParseOID(text)
	if err != nil {
		return nil, err
	}
	der, err := parsed.MarshalBinary()
	if err != nil {
		return nil, err
	}
	whole, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagOID, Bytes: der})
	if err != nil {
		return nil, err
	}
	var oid asn1.ObjectIdentifier
	_, err = asn1.Unmarshal(whole, &oid)
	return oid, err
}

var oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}

// Tags of GeneralName (RFC 5280, 4.2.1.6).
const (
	tagOther = 0
	tagEmail = 1
	tagDNS   = 2
	tagURI   = 6
	tagIP    = 7
)

// anotherName is OtherName of RFC 5280 with a text as its value.
type anotherName struct {
	OID   asn1.ObjectIdentifier
	Value string `asn1:"tag:0,explicit,utf8"`
}

// extension is the names as an extension of a CSR. crypto/x509 would make all of
// it but for the other names.
func (n names) extension() (pkix.Extension, error) {
	var list []asn1.RawValue
	add := func(tag int, content []byte) {
		list = append(list, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: content})
	}
	for _, o := range n.Others {
		oid, err := parseOID(o.OID)
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

// otherNamesOf reads the other names of a certificate, which crypto/x509 skips.
// Those that are not text are of no interest: Vault makes none.
func otherNamesOf(c *x509.Certificate) (found []otherName) {
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
				found = append(found, otherName{name.OID.String(), name.Value})
			}
		}
	}
	return found
}
