// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/certspec"
)

// Certificate is the certificate block of a bundle: a request for one X.509
// certificate and its key, and the files that are made of it. Its keys have the
// names of the parameters of pki/sign and pki/issue.
type Certificate struct {
	certspec.Spec
	Files    []File         // in the order of the configuration file; at least one
	Password *Password      // of keystores; nil if there is none among the files
	Renew    certspec.Renew // default: that of the bundle

	User, Group string // default: those of the bundle; a name or a number; empty: not set
	Pos         Pos
}

func readCertificate(s *scope, d memberDefaults) *Certificate {
	c := &Certificate{Pos: s.pos(), User: d.bundle.User, Group: d.bundle.Group}
	key, format := c.readSpec(s)
	c.readFiles(s, key, d, format)
	c.Password = readPassword(s)
	c.checkPassword(s)
	var user, group string
	get(s, "user", asString, &user)
	get(s, "group", asString, &group)
	c.User, c.Group = cmp.Or(user, c.User), cmp.Or(group, c.Group)
	c.Renew = cmp.Or(readRenew(s), d.renew)
	checkShorterThan(s, c.Renew, c.TTL)
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

// readSpec also returns the scope of the key block, and the form in which the key
// is written; "" if it is not given.
func (c *Certificate) readSpec(s *scope) (key *scope, format certspec.Form) {
	get(s, "role", asString, &c.Role)
	get(s, "common_name", asString, &c.CommonName)
	get(s, "alt_names", asListOrCommasTrimmed, &c.AltNames)
	get(s, "ip_sans", asListOrCommasTrimmed, &c.IPSANs)
	get(s, "uri_sans", asListOrCommasTrimmed, &c.URISANs)
	get(s, "other_sans", asListOrCommasTrimmed, &c.OtherSANs)
	get(s, "exclude_cn_from_sans", asBool, &c.ExcludeCNFromSANs)
	getPositive(s, "ttl", asSeconds, &c.TTL)
	if get(s, "not_after", asString, &c.NotAfter) && c.NotAfter == "" {
		s.problem(LoadError, "not_after", "is empty", `write for example "2030-01-31T00:00:00Z"`)
	}
	params := s.settings("params")
	c.Params = readParams(params)
	key, format = c.readKey(s)
	for _, p := range c.Validate() {
		block, name, within := strings.Cut(p.Key, ".")
		switch {
		case p.Key == "common_name" && slices.ContainsFunc(nameKeys, s.isInvalid):
		case within && block == "params":
			params.reportProblem(name, p)
		case within:
			key.reportProblem(name, p)
		default:
			s.reportProblem(p.Key, p)
		}
	}
	return key, format
}

// nameKeys are the keys of which at least one must be set.
var nameKeys = []string{"common_name", "alt_names", "ip_sans", "uri_sans", "other_sans"}

// reportProblem reports a problem with a key of this block, unless the key could
// not be read.
func (s *scope) reportProblem(name string, p certspec.Problem) {
	if s.isInvalid(name) {
		return
	}
	kind := LoadError
	if p.Conflict {
		kind = ValidateError
	}
	v := s.value(name)
	if p.InList {
		v = elementOf(v, p.Index)
	}
	s.problem(kind, name, p.Message(v.Describe()), p.Hint)
}

func (s *scope) isInvalid(name string) bool { return slices.Contains(s.invalid, name) }

func readParams(s *scope) map[string]string {
	params := map[string]string{}
	for _, it := range s.items {
		var param string
		if get(s, it.Name, asParam, &param) {
			params[it.Name] = param
		}
	}
	s.finish(LoadError)
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

// readKey reads the key, which is a block or a word. It returns the scope of the
// block, or s if there is none.
func (c *Certificate) readKey(s *scope) (key *scope, format certspec.Form) {
	s.accept("key")
	key = s
	switch v := s.value("key"); {
	case v.Kind == hclread.Block, v.Kind == hclread.List:
		if b := s.ownBlock("key"); b != nil {
			key = b
			format = c.readKeyBlock(b)
		}
	case v.Kind == hclread.Absent, v.Kind == hclread.String && v.Text == "local":
	case v.Kind == hclread.String && v.Text == "vault":
		c.Key.Type = certspec.Vault
	default:
		s.problem(LoadError, "key", "unknown value "+v.Describe(), `write "local", "vault", or { type = "ec", bits = 256 }`)
	}
	// The other forms are for one type of key.
	c.Key.ByRole = c.Key.Type == "" && c.Key.Bits == 0 && (format == "" || format == certspec.PKCS8)
	c.Key = c.Key.WithDefaults()
	return key, format
}

func (c *Certificate) readKeyBlock(s *scope) (format certspec.Form) {
	var kind string
	get(s, "type", asString, &kind)
	c.Key.Type = certspec.KeyType(kind)
	getPositive(s, "bits", asInteger, &c.Key.Bits)
	get(s, "reuse", asBool, &c.Key.Reuse)
	readWord(s, "format", &format, certspec.Key.Forms()...)
	s.finish(LoadError)
	return format
}

func readRenew(s *scope) certspec.Renew {
	var r certspec.Renew
	getPositive(s, "renew_before", asSeconds, &r.Before)
	get(s, "renew_at", asFraction, &r.At)
	for _, p := range r.Validate() {
		s.reportProblem(p.Key, p)
	}
	return r
}

// asFraction takes a number between 0 and 1, both excluded.
func asFraction(v hclread.Value) (float64, error) {
	part, err := asFloat(v)
	if err == nil && part != 0 && (certspec.Renew{At: part}).Validate() == nil {
		return part, nil
	}
	return 0, &valueError{"must be a fraction of the lifetime, between 0 and 1, not " + v.Describe(), "write for example 0.66"}
}

// checkShorterThan checks that renew_before is shorter than the lifetime:
// otherwise the certificate would be renewed continuously.
func checkShorterThan(s *scope, r certspec.Renew, ttl time.Duration) {
	switch {
	case ttl == 0 || r.Before < ttl:
	case s.has("renew_before"):
		s.problem(ValidateError, "renew_before", "is not shorter than ttl", "shorten it: the certificate would be renewed continuously")
	default:
		s.problem(ValidateError, "ttl", "is not longer than the bundle's renew_before", "shorten renew_before: the certificate would be renewed continuously")
	}
}
