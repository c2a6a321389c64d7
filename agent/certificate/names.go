// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// names are a certificate's alternative names in the form in which certificates
// hold them: host names in lower case and ASCII, addresses and URIs canonical,
// each list sorted and without duplicates.
type names struct {
	DNS    []string    `json:"dns,omitempty"`
	Email  []string    `json:"email,omitempty"`
	IPs    []string    `json:"ip,omitempty"`
	URIs   []string    `json:"uri,omitempty"`
	Others []otherName `json:"other,omitempty"`
}

// hostname is what Vault takes for a host name. All else it leaves out of the
// certificate without a word.
var hostname = regexp.MustCompile(`^(\*\.)?(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$`)

// toASCII converts as Vault does: without mapping.
var toASCII = idna.New(idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// names are those that the spec asks for. What is not a name is left out, as
// Vault does with a common name such as "web server 3".
func (s Spec) names() names {
	var n names
	if s.CommonName != "" && !s.ExcludeCNFromSANs {
		_ = n.addName(s.CommonName) // may be a name or not
	}
	for _, list := range []struct {
		texts []string
		add   func(string) error
	}{{s.AltNames, n.addName}, {s.IPSANs, n.addIP}, {s.URISANs, n.addURI}, {s.OtherSANs, n.addOther}} {
		for _, text := range list.texts {
			_ = list.add(text) // Validate has told
		}
	}
	n.normalize()
	return n
}

// namesOf are those that a certificate holds.
func namesOf(c *x509.Certificate) names {
	var n names
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
	n.normalize()
	return n
}

func (n *names) addName(text string) error {
	if strings.Contains(text, "@") {
		if hasSpaceOrControl(text) || strings.Contains(text, ",") || !isASCII(text) {
			return fmt.Errorf("%q is not an e-mail address that Vault takes", text)
		}
		n.Email = append(n.Email, text)
		return nil
	}
	rest, wildcard := strings.CutPrefix(text, "*.")
	ascii, err := toASCII.ToASCII(rest)
	ascii = strings.ToLower(ascii)
	if err != nil || !hostname.MatchString(ascii) {
		return fmt.Errorf("%q is neither a host name nor an e-mail address", text)
	}
	if wildcard {
		ascii = "*." + ascii
	}
	n.DNS = append(n.DNS, ascii)
	return nil
}

func (n *names) addIP(text string) error {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return fmt.Errorf("%q is not an IP address", text)
	}
	n.IPs = append(n.IPs, addr.Unmap().String())
	return nil
}

func (n *names) addURI(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.String() == "" || !isASCII(u.String()) || hasSpaceOrControl(text) {
		return fmt.Errorf("%q is not a URI", text)
	}
	n.URIs = append(n.URIs, u.String())
	return nil
}

func (n *names) addOther(text string) error {
	o, err := parseOtherName(text)
	if err != nil {
		return err
	}
	n.Others = append(n.Others, o)
	return nil
}

func (n *names) normalize() {
	for _, list := range []*[]string{&n.DNS, &n.Email, &n.IPs, &n.URIs} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	slices.SortFunc(n.Others, otherName.compare)
	n.Others = slices.Compact(n.Others)
}

// without lists the names that are not among others.
func (n names) without(others names) (missing []string) {
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

func hasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

func hasSpaceOrControl(text string) bool {
	return hasControl(text) || strings.ContainsFunc(text, unicode.IsSpace)
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

func (n names) empty() bool {
	return len(n.DNS)+len(n.Email)+len(n.IPs)+len(n.URIs)+len(n.Others) == 0
}
