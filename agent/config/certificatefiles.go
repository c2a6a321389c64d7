// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/certspec"
)

// File is one file that is made of a certificate.
type File struct {
	certspec.Output
	Destination string // relative to the directory of the bundle, or absolute if there is none; clean
	Perms       fs.FileMode
	Pos         Pos
}

// has reports whether one of the certificate's files is of such a kind.
func (c *Certificate) has(is func(certspec.Kind) bool) bool {
	return slices.ContainsFunc(c.Files, func(f File) bool { return is(f.Kind) })
}

// hasKind reports whether one of the certificate's files is of one of the kinds.
func (c *Certificate) hasKind(kinds ...certspec.Kind) bool {
	return c.has(func(k certspec.Kind) bool { return slices.Contains(kinds, k) })
}

// readFiles reads the files of the certificate, and their forms. If one file
// cannot be read it leaves none, so that no other check reports the
// consequences.
func (c *Certificate) readFiles(s, key *scope, d memberDefaults, keyFormat certspec.Form) {
	perms := d.perms.read(s, nil)
	if b := s.ownBlock("files"); b != nil {
		c.readDestinations(b, d.bundle, perms)
	} else if !s.has("files") {
		s.problem(LoadError, "files", "is missing", `write for example files = { cert = "tls.crt", key = "tls.key" }`)
	}
	forms := readForms(s, keyFormat)
	if len(c.Files) == 0 {
		return
	}
	c.checkKeptOnRestart(s)
	if c.has(certspec.Kind.HoldsKey) && perms != d.perms {
		perms.checkKey(s)
	}
	forms.check(s, c)
	for i, f := range c.Files {
		c.Files[i].Form = forms.of(f.Kind)
		if f.Kind == certspec.JKS {
			c.Files[i].Alias = forms.alias
		}
	}
	c.checkOutputs(s, key)
}

// checkOutputs reports what is wrong with the forms of the files, once for each key.
func (c *Certificate) checkOutputs(s, key *scope) {
	reported := map[string]bool{}
	for _, f := range c.Files {
		for _, p := range f.Validate(c.Key) {
			if reported[p.Key] {
				continue
			}
			reported[p.Key] = true
			if name, ofKey := strings.CutPrefix(p.Key, "key."); ofKey {
				key.reportProblem(name, p)
			} else {
				s.reportProblem(p.Key, p)
			}
		}
	}
}

func (c *Certificate) readDestinations(s *scope, b *Bundle, perms filePerms) {
	for _, kind := range certspec.Kinds() {
		s.accept(string(kind))
	}
	readable := true
	for _, it := range s.items {
		f := File{Output: certspec.Output{Kind: certspec.Kind(strings.ToLower(it.Name))}, Perms: perms.other, Pos: s.src.Pos(it.Offset)}
		if f.Kind.HoldsKey() {
			f.Perms = perms.key
		}
		switch {
		case c.hasKind(f.Kind):
		case slices.Contains(certspec.Kinds(), f.Kind) && get(s, it.Name, asString, &f.Destination):
			f.Destination = b.destination(s, it.Name, f.Destination)
			c.Files = append(c.Files, f)
		default:
			readable = false
		}
	}
	if len(s.items) == 0 {
		s.problem(LoadError, "", "is empty", `write for example cert = "tls.crt"`)
	}
	s.unknownHint = "write one of " + kindNames()
	s.finish(LoadError)
	if !readable {
		c.Files = nil
	}
}

// kindNames lists the kinds of file.
func kindNames() string {
	var names []string
	for _, kind := range certspec.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// checkKeptOnRestart warns if the certificate or its key is not in any file. At
// its start certagent keeps a pair that it finds on disk and that is still
// valid.
func (c *Certificate) checkKeptOnRestart(s *scope) {
	const consequence = " is not written to any file: each start issues a new one"
	switch {
	case !c.has(certspec.Kind.HoldsLeaf):
		s.problem(Warning, "files", "the certificate"+consequence, `add cert = "tls.crt"`)
	case !c.has(certspec.Kind.HoldsKey):
		s.problem(Warning, "files", "the private key"+consequence, `add key = "tls.key"`)
	}
}

// fileForms are the forms of the files of a certificate.
type fileForms struct {
	key        certspec.Form // "": not given
	profile    certspec.Form // of PKCS#12
	truststore string        // jks or pkcs12
	alias      string        // of the entry in a JKS file
}

func readForms(s *scope, keyFormat certspec.Form) fileForms {
	f := fileForms{key: keyFormat, profile: certspec.Modern, truststore: "jks"}
	readWord(s, "pkcs12_profile", &f.profile, certspec.PKCS12.Forms()...)
	readWord(s, "truststore_format", &f.truststore, "jks", "pkcs12")
	get(s, "jks_alias", asString, &f.alias)
	return f
}

// of returns the form of a file of this kind.
func (f fileForms) of(kind certspec.Kind) certspec.Form {
	o := certspec.Output{Kind: kind}
	switch {
	case kind == certspec.PKCS12, kind == certspec.Truststore && f.truststore == "pkcs12":
		o.Form = f.profile
	case kind == certspec.Key, kind == certspec.Combined:
		o.Form = f.key
	}
	return o.WithDefaults().Form
}

// check reports forms for kinds of file that the certificate does not have.
func (f fileForms) check(s *scope, c *Certificate) {
	if f.key != "" && !c.hasKind(certspec.Key, certspec.Combined) {
		s.problem(ValidateError, "key", "format has no effect without a key or combined file", "add key or combined to files, or remove it")
	}
	for _, form := range []struct {
		name, file string
		used       bool
	}{
		{"pkcs12_profile", "pkcs12", c.hasKind(certspec.PKCS12) || c.hasKind(certspec.Truststore) && f.truststore == "pkcs12"},
		{"truststore_format", "truststore", c.hasKind(certspec.Truststore)},
		{"jks_alias", "jks", c.hasKind(certspec.JKS)},
	} {
		if s.has(form.name) && !form.used {
			s.problem(ValidateError, form.name, "has no effect without a "+form.file+" file", "add "+form.file+" to files, or remove it")
		}
	}
}

// Password is the source of the password for PKCS#12, JKS and truststore files:
// a file or a secret in Vault.
type Password struct {
	File string // empty if SecretPath and SecretField are set
	// SecretPath is the path of the secret, such as kv/data/web.
	SecretPath  string
	SecretField string // the field of the secret, such as password
	Pos         Pos
}

func readPassword(s *scope) *Password {
	const hint = `write { file = "PATH" } or { secret = "PATH#FIELD" }`
	if s.value("password").Kind == hclread.String {
		s.accept("password")
		s.problem(LoadError, "password", "must not be written in the configuration", hint)
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
		b.problem(ValidateError, "secret", "cannot be combined with file", "keep one of them")
	case !file && !secret:
		b.problem(LoadError, "", "has neither file nor secret", hint)
	case file && p.File == "" && b.value("file").Kind == hclread.String:
		b.problem(LoadError, "file", "is empty", "write the path of the file that contains the password")
	}
	b.finish(LoadError)
	return p
}

// splitSecret splits at the last "#", because a path may contain one.
func (p *Password) splitSecret(s *scope, secret string) {
	at := strings.LastIndexByte(secret, '#')
	if at < 1 || at == len(secret)-1 {
		s.problem(LoadError, "secret", s.value("secret").Describe()+" is not of the form PATH#FIELD",
			`write "PATH#FIELD", such as "kv/data/web#password"`)
		return
	}
	p.SecretPath, p.SecretField = secret[:at], secret[at+1:]
}

func (c *Certificate) checkPassword(s *scope) {
	needed := c.has(certspec.Kind.HasPassword)
	switch {
	case needed && c.Password == nil && !s.has("password"):
		s.problem(ValidateError, "password", "is missing", `pkcs12, jks and truststore files need a password: write password = { file = "PATH" }`)
	case !needed && c.Password != nil && len(c.Files) > 0:
		s.problem(ValidateError, "password", "has no effect without a pkcs12, jks or truststore file",
			"add pkcs12, jks or truststore to files, or remove it")
	}
}
