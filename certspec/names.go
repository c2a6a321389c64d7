// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certspec

import (
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// Names are a certificate's alternative names as a certificate contains them:
// host names in lower case and ASCII, addresses and URIs canonical, each list
// sorted and without duplicates.
type Names struct {
	DNS    []string    `json:"dns,omitempty"`
	Email  []string    `json:"email,omitempty"`
	IPs    []string    `json:"ip,omitempty"`
	URIs   []string    `json:"uri,omitempty"`
	Others []OtherName `json:"other,omitempty"`
}

// OtherName is a name of a kind that has an OID (RFC 5280, 4.2.1.6), such as a
// Windows user's. Of its kinds of value Vault knows one, UTF-8.
type OtherName struct {
	OID  string `json:"oid"`
	Text string `json:"text"`
}

// String returns the name as Vault takes it.
func (o OtherName) String() string { return o.OID + ";UTF8:" + o.Text }

func (o OtherName) compare(p OtherName) int {
	return cmp.Or(cmp.Compare(o.OID, p.OID), cmp.Compare(o.Text, p.Text))
}

// ObjectIdentifier returns the OID in the form that encoding/asn1 writes.
func (o OtherName) ObjectIdentifier() (asn1.ObjectIdentifier, error) {
	parsed, err := x509.ParseOID(o.OID)
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

// nameList is one of a Spec's lists of names, and how its elements are read.
type nameList struct {
	key             string
	texts           []string
	add             func(text string) bool // reports whether text is such a name
	complaint, hint string
}

// lists returns the lists of names of a specification, which are added to n.
func (n *Names) lists(s Spec) []nameList {
	return []nameList{
		{"alt_names", s.AltNames, n.addName, "is neither a host name nor an e-mail address", `write for example "www.example.test"`},
		{"ip_sans", s.IPSANs, n.addIP, "is not an IP address", "write host names in alt_names"},
		{"uri_sans", s.URISANs, n.addURI, "is not a URI", `write for example "spiffe://example.test/web"`},
		{"other_sans", s.OtherSANs, n.addOther, `is not of the form "OID;UTF8:TEXT"`, `write for example "1.3.6.1.4.1.311.20.2.3;UTF8:web@example.test"`},
	}
}

// Names returns the alternative names that the specification asks for. What is not
// a name is left out, as Vault does with a common name such as "web server 3".
func (s Spec) Names() Names {
	var n Names
	if s.CommonName != "" && !s.ExcludeCNFromSANs {
		n.addName(s.CommonName)
	}
	for _, list := range n.lists(s) {
		for _, text := range list.texts {
			list.add(text)
		}
	}
	return n.Normalize()
}

var (
	// hostname is what Vault accepts as a host name. It leaves anything else out of
	// the certificate without an error.
	hostname = regexp.MustCompile(`^(\*\.)?(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$`)
	// toASCII converts as Vault does: without mapping.
	toASCII = idna.New(idna.StrictDomainName(true), idna.VerifyDNSLength(true))
)

func (n *Names) addName(text string) bool {
	if strings.Contains(text, "@") {
		if hasSpaceOrControl(text) || strings.Contains(text, ",") || !isASCII(text) {
			return false
		}
		n.Email = append(n.Email, text)
		return true
	}
	rest, wildcard := strings.CutPrefix(text, "*.")
	ascii, err := toASCII.ToASCII(rest)
	ascii = strings.ToLower(ascii)
	if err != nil || !hostname.MatchString(ascii) {
		return false
	}
	if wildcard {
		ascii = "*." + ascii
	}
	n.DNS = append(n.DNS, ascii)
	return true
}

func (n *Names) addIP(text string) bool {
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return false
	}
	n.IPs = append(n.IPs, address.Unmap().String())
	return true
}

func (n *Names) addURI(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.String() == "" || !isASCII(u.String()) || hasSpaceOrControl(text) {
		return false
	}
	n.URIs = append(n.URIs, u.String())
	return true
}

// addOther reads OID;UTF8:TEXT.
func (n *Names) addOther(text string) bool {
	oid, rest, _ := strings.Cut(text, ";")
	kind, value, found := strings.Cut(rest, ":")
	o := OtherName{oid, value}
	_, err := o.ObjectIdentifier()
	if !found || err != nil || !(strings.EqualFold(kind, "UTF8") || strings.EqualFold(kind, "UTF-8")) || value == "" || hasControl(value) {
		return false
	}
	n.Others = append(n.Others, o)
	return true
}

// Normalize sorts the lists and removes duplicates. It returns n.
func (n *Names) Normalize() Names {
	for _, list := range []*[]string{&n.DNS, &n.Email, &n.IPs, &n.URIs} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	slices.SortFunc(n.Others, OtherName.compare)
	n.Others = slices.Compact(n.Others)
	return *n
}

// Without returns the names that are not among others.
func (n Names) Without(others Names) (missing []string) {
	for _, l := range [][2][]string{{n.DNS, others.DNS}, {n.Email, others.Email}, {n.IPs, others.IPs}, {n.URIs, others.URIs}} {
		for _, name := range l[0] {
			if !slices.Contains(l[1], name) {
				missing = append(missing, name)
			}
		}
	}
	for _, o := range n.Others {
		if !slices.Contains(others.Others, o) {
			missing = append(missing, o.String())
		}
	}
	return missing
}

// Empty reports whether there is no name.
func (n Names) Empty() bool {
	return len(n.DNS)+len(n.Email)+len(n.IPs)+len(n.URIs)+len(n.Others) == 0
}
