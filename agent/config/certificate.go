// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Certificate is the certificate block of a bundle: a request for one X.509
// certificate and its key, and the files that are made of it. Its keys have the
// names of the parameters of pki/sign and pki/issue.
type Certificate struct {
	Role string // the path of the mount and the name of the role, such as pki/web

	CommonName string
	AltNames   []string // host names and e-mail addresses
	IPSANs     []string
	URISANs    []string
	OtherSANs  []string // "<oid>;UTF8:<text>"
	// ExcludeCNFromSANs keeps CommonName out of the subject alternative names.
	ExcludeCNFromSANs bool

	TTL      time.Duration // in whole seconds; 0: the role decides
	NotAfter string        // RFC 3339, instead of TTL; empty: not set
	// Params are further parameters of the request, for which Certificate has
	// no field.
	Params map[string]string

	Key      Key
	Files    []File    // in the order of the configuration file; at least one
	Password *Password // of keystores; nil if there is none among the files
	Renew    Renew     // default: that of the bundle

	User, Group string // default: those of the bundle; a name or a number; empty: not set
	Pos         Pos
}

func readCertificate(s *scope, d memberDefaults) *Certificate {
	c := &Certificate{Pos: s.pos(), User: d.bundle.User, Group: d.bundle.Group}
	c.readRole(s)
	c.readNames(s)
	c.readLifetime(s)
	c.Params = readParams(s)
	var format string
	c.Key, format = readKey(s)
	c.readFiles(s, d, format)
	c.Password = readPassword(s)
	c.checkPassword(s)
	var user, group string
	get(s, "user", asString, &user)
	get(s, "group", asString, &group)
	c.User, c.Group = cmp.Or(user, c.User), cmp.Or(group, c.Group)
	c.Renew = readRenew(s).or(d.renew)
	c.Renew.checkShorterThan(s, c.TTL)
	refuseReaction(s)
	refuseForeignKeys(s)
	s.finish(LoadError)
	return c
}

// refuseForeignKeys reports keys that have another name in certagent than in
// Vault's API or in a template block.
func refuseForeignKeys(s *scope) {
	s.refuse("key_type", "unknown key (from Vault's API)", `write key = { type = "ec" }`)
	s.refuse("key_bits", "unknown key (from Vault's API)", `write key = { type = "ec", bits = 256 }`)
	s.refuse("private_key_format", "unknown key (from Vault's API)", `write key = { format = "pkcs8" }`)
	s.refuse("destination", "unknown key (from template blocks)", `write files = { cert = "tls.crt", key = "tls.key" }`)
}

func (c *Certificate) readLifetime(s *scope) {
	if getPositive(s, "ttl", asSeconds, &c.TTL) && c.TTL%time.Second != 0 {
		s.problem(LoadError, "ttl", "must be a whole number of seconds", `write for example "72h"`)
	}
	get(s, "not_after", asString, &c.NotAfter)
	if !s.has("not_after") {
		return
	}
	if _, err := time.Parse(time.RFC3339, c.NotAfter); err != nil && s.value("not_after").Kind == hclread.String {
		s.problem(LoadError, "not_after", "must be a time, not "+s.value("not_after").Describe(),
			`write for example "2030-01-31T00:00:00Z"`)
	}
	if s.has("ttl") {
		s.problem(ValidateError, "not_after", "cannot be combined with ttl", "keep one of them")
	}
}

// readRole reads the role and checks that it has the form MOUNT/ROLE.
func (c *Certificate) readRole(s *scope) {
	get(s, "role", asString, &c.Role)
	segments := strings.Split(c.Role, "/")
	switch {
	case !s.has("role"):
		s.problem(LoadError, "role", "is missing", `write "MOUNT/ROLE", such as "pki/web"`)
	case s.value("role").Kind == hclread.String && (len(segments) < 2 || slices.ContainsFunc(segments, isBadSegment)):
		s.problem(LoadError, "role", s.value("role").Describe()+" is not of the form MOUNT/ROLE", `write "MOUNT/ROLE", such as "pki/web"`)
	}
}

func isBadSegment(segment string) bool {
	return segment == "" || segment == "." || segment == ".." ||
		strings.ContainsAny(segment, `?#%\`) || hasSpaceOrControl(segment)
}

// readNames reads the names and refuses those that Vault would silently leave
// out of the certificate.
func (c *Certificate) readNames(s *scope) {
	get(s, "common_name", asString, &c.CommonName)
	if name := c.CommonName; name != strings.TrimSpace(name) || strings.ContainsFunc(name, unicode.IsControl) {
		s.problem(LoadError, "common_name", "has leading or trailing spaces, or control characters", "remove them")
	}
	readNameList(s, "alt_names", isName, "is neither a host name nor an e-mail address",
		`write for example "www.example.test"`, &c.AltNames)
	readNameList(s, "ip_sans", isIP, "is not an IP address", "write host names in alt_names", &c.IPSANs)
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
	s.problem(LoadError, "common_name", "is missing, and no other name is set", `write for example "example.test"`)
}

func readNameList(s *scope, key string, valid func(string) bool, complaint, hint string, to *[]string) {
	if !get(s, key, asListOrCommasTrimmed, to) {
		return
	}
	for i, name := range *to {
		if !valid(name) {
			s.problem(LoadError, key, elementOf(s.value(key), i).Describe()+" "+complaint, hint)
		}
	}
}

var (
	// hostname matches what Vault accepts as a host name.
	hostname = regexp.MustCompile(`^(\*\.)?(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$`)
	// toASCII converts as Vault does, without mapping.
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

// Parameters of pki/sign and pki/issue that params must not set: ownParams have
// a key of their own, and formParams change the form of Vault's response.
var (
	ownParams  = []string{"common_name", "alt_names", "ip_sans", "uri_sans", "other_sans", "exclude_cn_from_sans", "ttl", "not_after"}
	formParams = []string{"csr", "format", "private_key_format"}
)

func readParams(s *scope) map[string]string {
	settings := s.settings("params")
	params := map[string]string{}
	for _, it := range settings.items {
		switch {
		case it.Name == "" || hasSpaceOrControl(it.Name):
			settings.problem(LoadError, it.Name, "is not a valid parameter name", "write the name without spaces")
		case slices.Contains(ownParams, it.Name):
			settings.problem(ValidateError, it.Name, "is a key of certificate", "move it out of params")
		case slices.Contains(formParams, it.Name):
			settings.problem(ValidateError, it.Name, "must not be set", "choose the form of the output with the keys of files")
		}
		var param string
		if get(settings, it.Name, asParam, &param) {
			params[it.Name] = param
		}
	}
	settings.finish(LoadError)
	if len(params) == 0 {
		return nil
	}
	return params
}

// asParam takes a string, a number, a bool, or a list of strings, which it
// joins with commas as Vault expects.
func asParam(v hclread.Value) (string, error) {
	switch v.Kind {
	case hclread.String, hclread.Integer, hclread.Float:
		return v.Text, nil
	case hclread.Bool:
		return strconv.FormatBool(v.Bool), nil
	case hclread.List:
		all, err := asStringOrNumberList(v)
		return strings.Join(all, ","), err
	}
	return "", &valueError{"must be a string, a number, a bool or a list, not " + v.Describe(), ""}
}

// Key is the type of the private key, and who makes it.
type Key struct {
	// Type is ec, rsa or ed25519 for a key that is made on this host and never
	// leaves it, or vault for a key that Vault makes, of the type that the role
	// defines.
	Type string
	// Bits is 256, 384 or 521 for ec, 2048, 3072 or 4096 for rsa, and 0
	// otherwise.
	Bits int
	// Reuse keeps the key when the certificate is renewed.
	Reuse bool
}

// keySizes are the sizes of each type of key, the default first; nil where
// there is no choice.
var keySizes = map[string][]int{
	"ec": {256, 384, 521}, "rsa": {2048, 3072, 4096}, "ed25519": nil, "vault": nil,
}

// readKey reads the key, and the form in which it is written: pkcs8, pkcs1,
// sec1, or empty if not given.
func readKey(s *scope) (k Key, format string) {
	k = Key{Type: "ec", Bits: 256}
	s.accept("key")
	switch v := s.value("key"); {
	case v.Kind == hclread.Block, v.Kind == hclread.List:
		if b := s.ownBlock("key"); b != nil {
			return readKeyBlock(b)
		}
	case v.Kind == hclread.Absent, v.Kind == hclread.String && v.Text == "local":
	case v.Kind == hclread.String && v.Text == "vault":
		return Key{Type: "vault"}, ""
	default:
		s.problem(LoadError, "key", "unknown value "+v.Describe(), `write "local", "vault", or { type = "ec", bits = 256 }`)
	}
	return k, ""
}

func readKeyBlock(s *scope) (k Key, format string) {
	get(s, "type", asString, &k.Type)
	get(s, "bits", asInteger, &k.Bits)
	get(s, "reuse", asBool, &k.Reuse)
	get(s, "format", asString, &format)
	s.finish(LoadError)
	k.Type = cmp.Or(k.Type, "ec")
	sizes, known := keySizes[k.Type]
	switch {
	case !known:
		s.problem(LoadError, "type", "unknown value "+s.value("type").Describe(), `write "ec", "rsa", "ed25519" or "vault"`)
	case s.has("bits") && len(sizes) == 0:
		s.problem(ValidateError, "bits", fmt.Sprintf("has no effect on a key of type %q", k.Type), k.bitsHint())
	case !s.has("bits") && len(sizes) > 0:
		k.Bits = sizes[0]
	case s.value("bits").Kind == hclread.Integer && !slices.Contains(sizes, k.Bits):
		s.problem(ValidateError, "bits", fmt.Sprintf("%s is not a valid size for a key of type %q", s.value("bits").Describe(), k.Type),
			fmt.Sprintf("write %d, %d or %d", sizes[0], sizes[1], sizes[2]))
	}
	if k.Type == "vault" && k.Reuse {
		s.problem(ValidateError, "reuse", "is not possible with a key made by Vault", "remove reuse, or write another type")
	}
	k.checkFormat(s, format)
	return k, format
}

func (k Key) bitsHint() string {
	if k.Type == "vault" {
		return "remove it: the role in Vault decides"
	}
	return "remove it"
}

// checkFormat checks that the form fits the type of key: pkcs1 and sec1 are for
// one type each. The type of a key that Vault makes is not known here.
func (k Key) checkFormat(s *scope, format string) {
	types := map[string]string{"pkcs8": k.Type, "pkcs1": "rsa", "sec1": "ec"}
	switch of, known := types[format]; {
	case !s.has("format") || s.value("format").Kind != hclread.String:
	case !known:
		s.problem(LoadError, "format", "unknown value "+s.value("format").Describe(), `write "pkcs8", "pkcs1" or "sec1"`)
	case of != k.Type && k.Type != "vault":
		s.problem(ValidateError, "format", fmt.Sprintf("%s is for keys of type %q", strings.ToUpper(format), of),
			`write "pkcs8", or change type`)
	}
}
