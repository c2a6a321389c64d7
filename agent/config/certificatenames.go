// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/certagent/certagent/agent/config/hclread"
)

// readRole checks that the role has the form mount/role.
func (c *Certificate) readRole(s *scope) {
	get(s, "role", asString, &c.Role)
	segments := strings.Split(c.Role, "/")
	switch {
	case !s.has("role"):
		s.problem(LoadError, "role", "is missing", `write "MOUNT/ROLE", such as "pki/web"`)
	case s.value("role").Kind == hclread.String && (len(segments) < 2 || slices.ContainsFunc(segments, isBadSegment)):
		s.problem(LoadError, "role", s.value("role").Describe()+" is not a mount and a role", `write "MOUNT/ROLE", such as "pki/web"`)
	}
}

func isBadSegment(segment string) bool {
	return segment == "" || segment == "." || segment == ".." ||
		strings.ContainsAny(segment, `?#%\`) || hasSpaceOrControl(segment)
}

// readNames refuses what Vault would leave out of the certificate without a
// word.
func (c *Certificate) readNames(s *scope) {
	get(s, "common_name", asString, &c.CommonName)
	if name := c.CommonName; name != strings.TrimSpace(name) || strings.ContainsFunc(name, unicode.IsControl) {
		s.problem(LoadError, "common_name", "has spaces around it or control characters", "remove them")
	}
	readNameList(s, "alt_names", isName, "is neither a host name nor an e-mail address",
		`write for example "www.example.test"`, &c.AltNames)
	readNameList(s, "ip_sans", isIP, "is not an IP address", "names go into alt_names", &c.IPSANs)
	readNameList(s, "uri_sans", isURI, "is not a URI", `write for example "spiffe://example.test/web"`, &c.URISANs)
	readNameList(s, "other_sans", otherNames.MatchString, `is not of the form "OID;UTF8:TEXT"`,
		`write for example "1.3.6.1.4.1.311.20.2.3;UTF8:web@example.test"`, &c.OtherSANs)
	get(s, "exclude_cn_from_sans", asBool, &c.ExcludeCNFromSANs)
	for _, name := range []string{"common_name", "alt_names", "ip_sans", "uri_sans", "other_sans"} {
		v := s.value(name)
		if empty := v.Kind == hclread.String && v.Text == "" || v.Kind == hclread.List && len(v.List) == 0; v.Kind != hclread.Absent && !empty {
			return
		}
	}
	s.problem(LoadError, "common_name", "is missing, and there is no other name", `write for example "example.test"`)
}

func readNameList(s *scope, key string, valid func(string) bool, complaint, hint string, to *[]string) {
	if !get(s, key, asOneOrMore, to) {
		return
	}
	for i, name := range *to {
		if !valid(name) {
			s.problem(LoadError, key, elementOf(s.value(key), i).Describe()+" "+complaint, hint)
		}
	}
}

var (
	// hostname is what Vault takes for a host name.
	hostname = regexp.MustCompile(`^(\*\.)?(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$`)
	// toASCII converts as Vault does: without mapping.
	toASCII    = idna.New(idna.StrictDomainName(true), idna.VerifyDNSLength(true))
	otherNames = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+;(?i:utf-?8):[^[:cntrl:]]+$`)
)

func isName(name string) bool {
	if strings.Contains(name, "@") {
		return isASCII(name) && !hasSpaceOrControl(name) && !strings.Contains(name, ",")
	}
	ascii, err := toASCII.ToASCII(strings.TrimPrefix(name, "*."))
	return err == nil && hostname.MatchString(strings.ToLower(ascii))
}

func isIP(name string) bool {
	address, err := netip.ParseAddr(name)
	return err == nil && address.Zone() == ""
}

func isURI(name string) bool {
	u, err := url.Parse(name)
	return err == nil && u.String() != "" && isASCII(u.String()) && !hasSpaceOrControl(name)
}

func hasSpaceOrControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
