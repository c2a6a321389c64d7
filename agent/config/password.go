// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Password is where the password of PKCS#12, JKS and truststore files comes
// from: from a file, or else from a secret.
type Password struct {
	File string // empty: SecretPath and SecretField are not
	// SecretPath is where Vault is asked, such as kv/data/web.
	SecretPath  string
	SecretField string // the field of the secret, such as password
	Pos         Pos
}

func readPassword(s *scope) *Password {
	const hint = `write { file = "PATH" } or { secret = "PATH#FIELD" }`
	if s.value("password").Kind == hclread.String {
		s.asked = append(s.asked, "password")
		s.problem(LoadError, "password", "does not belong into the configuration", hint)
		return &Password{}
	}
	b := s.ownBlock("password")
	if b == nil {
		return nil
	}
	p := &Password{Pos: b.pos()}
	get(b, "file", asString, &p.File)
	var secret string
	if get(b, "secret", asString, &secret) {
		p.splitSecret(b, secret)
	}
	switch file, secret := b.has("file"), b.has("secret"); {
	case file && secret:
		b.problem(ValidateError, "secret", "excludes file", "keep one of them")
	case !file && !secret:
		b.problem(LoadError, "", "has neither file nor secret", hint)
	case file && p.File == "" && b.value("file").Kind == hclread.String:
		b.problem(LoadError, "file", "is empty", "say which file holds the password")
	}
	b.finish(LoadError)
	return p
}

// splitSecret splits at the last "#": paths may contain one, though nobody
// writes them so.
func (p *Password) splitSecret(s *scope, secret string) {
	at := strings.LastIndexByte(secret, '#')
	if at < 1 || at == len(secret)-1 {
		s.problem(LoadError, "secret", s.value("secret").Describe()+" is not a path and a field",
			`write "PATH#FIELD", such as "kv/data/web#password"`)
		return
	}
	p.SecretPath, p.SecretField = secret[:at], secret[at+1:]
}

func (c *Certificate) checkPassword(s *scope) {
	needed := c.has(passwordKinds...)
	switch {
	case needed && c.Password == nil && !s.has("password"):
		s.problem(ValidateError, "password", "is missing", `pkcs12, jks and truststore need one: write password = { file = "PATH" }`)
	case !needed && c.Password != nil && len(c.Files) > 0:
		s.problem(ValidateError, "password", "has no effect without a file that it is for",
			"add pkcs12, jks or truststore to files, or remove it")
	}
}
