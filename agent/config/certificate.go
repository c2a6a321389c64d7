// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Certificate is a request for one X.509 certificate and its key, and the files
// that are made of it. The names of its keys are those of Vault's pki/sign and
// pki/issue.
type Certificate struct {
	Role string // the mount's path and the role's name, such as pki/web

	CommonName string
	AltNames   []string // host names and e-mail addresses
	IPSANs     []string
	URISANs    []string
	OtherSANs  []string // "<oid>;UTF8:<text>"
	// ExcludeCNFromSANs keeps CommonName from being an alternative name, too.
	ExcludeCNFromSANs bool

	TTL      time.Duration // whole seconds; 0: the role decides
	NotAfter string        // RFC 3339, in place of TTL; empty: not set
	// Params are further parameters, which have no key of their own.
	Params map[string]string

	Key      Key
	Files    []File    // in the order of the file; at least one
	Password *Password // of the files that have one; nil if none has
	Renew    Renew     // the bundle's, unless it has its own

	User, Group string // the bundle's, unless it has its own; a name or a number; empty: not set
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
	c.Renew.checkBefore(s, c.TTL)
	refuseReaction(s)
	refuseVaultKeys(s)
	s.finish(LoadError)
	return c
}

// refuseVaultKeys names the keys that are others here than in Vault or in a
// template.
func refuseVaultKeys(s *scope) {
	s.refuse("key_type", "unknown key, of Vault", `write key = { type = "ec" }`)
	s.refuse("key_bits", "unknown key, of Vault", `write key = { type = "ec", bits = 256 }`)
	s.refuse("private_key_format", "unknown key, of Vault", `write key = { format = "pkcs8" }`)
	s.refuse("destination", "unknown key, of a template", `write files = { cert = "tls.crt", key = "tls.key" }`)
}

func (c *Certificate) readLifetime(s *scope) {
	if positive(s, "ttl", asSeconds, &c.TTL) && c.TTL%time.Second != 0 {
		s.problem(LoadError, "ttl", "must be whole seconds", `write for example "72h"`)
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
		s.problem(ValidateError, "not_after", "excludes ttl", "keep one of them")
	}
}
