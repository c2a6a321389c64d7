// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// File is one file that is made of a certificate.
type File struct {
	Kind FileKind
	// Form is pkcs8, pkcs1 or sec1 for a key; modern or legacy for PKCS#12;
	// jks, modern or legacy for a truststore; empty where there is no choice.
	Form        string
	Alias       string // of the entry in a JKS file; empty: certificate
	Destination string // relative to the directory of the bundle, or absolute if there is none; clean
	Perms       fs.FileMode
	Pos         Pos
}

// FileKind is the content of a file, as the configuration names it.
type FileKind string

// The kinds of file. All but the last three are PEM files.
const (
	CertFile       FileKind = "cert"      // the leaf
	FullChainFile  FileKind = "fullchain" // the leaf, then the intermediates
	ChainFile      FileKind = "chain"     // the issuers without the leaf
	CAFile         FileKind = "ca"        // the trust bundle
	KeyFile        FileKind = "key"       // the private key
	CombinedFile   FileKind = "combined"  // fullchain, then key
	PKCS12File     FileKind = "pkcs12"    // fullchain and key
	JKSFile        FileKind = "jks"       // fullchain and key
	TruststoreFile FileKind = "truststore"
)

var (
	fileKinds = []FileKind{CertFile, FullChainFile, ChainFile, CAFile, KeyFile, CombinedFile,
		PKCS12File, JKSFile, TruststoreFile}
	keyKinds      = []FileKind{KeyFile, CombinedFile, PKCS12File, JKSFile}
	leafKinds     = []FileKind{CertFile, FullChainFile, CombinedFile, PKCS12File, JKSFile}
	passwordKinds = []FileKind{PKCS12File, JKSFile, TruststoreFile}
)

// HoldsKey reports whether a file of this kind contains a private key.
func (k FileKind) HoldsKey() bool { return slices.Contains(keyKinds, k) }

// has reports whether one of the certificate's files is of one of the kinds.
func (c *Certificate) has(kinds ...FileKind) bool {
	return slices.ContainsFunc(c.Files, func(f File) bool { return slices.Contains(kinds, f.Kind) })
}

// readFiles reads the files of the certificate, and their forms. If one file
// cannot be read it leaves none, so that no other check reports the
// consequences.
func (c *Certificate) readFiles(s *scope, d memberDefaults, keyFormat string) {
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
	if c.has(keyKinds...) && perms != d.perms {
		perms.checkKey(s)
	}
	forms.check(s, c)
	for i, f := range c.Files {
		c.Files[i].Form = forms.of(f.Kind)
		if f.Kind == JKSFile {
			c.Files[i].Alias = forms.alias
		}
	}
}

func (c *Certificate) readDestinations(s *scope, b *Bundle, perms filePerms) {
	for _, kind := range fileKinds {
		s.accept(string(kind))
	}
	readable := true
	for _, it := range s.items {
		f := File{Kind: FileKind(strings.ToLower(it.Name)), Perms: perms.other, Pos: s.src.Pos(it.Offset)}
		if f.Kind.HoldsKey() {
			f.Perms = perms.key
		}
		switch {
		case c.has(f.Kind):
		case slices.Contains(fileKinds, f.Kind) && get(s, it.Name, asString, &f.Destination):
			f.Destination = b.destination(s, it.Name, f.Destination)
			c.Files = append(c.Files, f)
		default:
			readable = false
		}
	}
	if len(s.items) == 0 {
		s.problem(LoadError, "", "is empty", `write for example cert = "tls.crt"`)
	}
	s.finish(LoadError)
	if !readable {
		c.Files = nil
	}
}

// checkKeptOnRestart warns if the certificate or its key is not in any file. At
// its start certagent keeps a pair that it finds on disk and that is still
// valid.
func (c *Certificate) checkKeptOnRestart(s *scope) {
	const consequence = " is not written to any file: each start issues a new one"
	switch {
	case !c.has(leafKinds...):
		s.problem(Warning, "files", "the certificate"+consequence, `add cert = "tls.crt"`)
	case !c.has(keyKinds...):
		s.problem(Warning, "files", "the private key"+consequence, `add key = "tls.key"`)
	}
}

// fileForms are the forms of the files of a certificate.
type fileForms struct {
	key        string // empty: not given
	profile    string // of PKCS#12
	truststore string
	alias      string // of the entry in a JKS file
}

func readForms(s *scope, keyFormat string) fileForms {
	f := fileForms{key: keyFormat, profile: "modern", truststore: "jks"}
	readWord(s, "pkcs12_profile", &f.profile, "modern", "legacy")
	readWord(s, "truststore_format", &f.truststore, "jks", "pkcs12")
	get(s, "jks_alias", asString, &f.alias)
	if !isASCII(f.alias) || hasSpaceOrControl(f.alias) {
		s.problem(LoadError, "jks_alias", "has characters that some versions of Java cannot read", "use letters and digits")
	}
	return f
}

// of returns the form of a file of this kind.
func (f fileForms) of(kind FileKind) string {
	switch {
	case kind == PKCS12File, kind == TruststoreFile && f.truststore == "pkcs12":
		return f.profile
	case kind == TruststoreFile:
		return f.truststore
	case kind != KeyFile && kind != CombinedFile:
		return ""
	case f.key == "":
		return "pkcs8"
	}
	return f.key
}

// check reports forms for kinds of file that the certificate does not have.
func (f fileForms) check(s *scope, c *Certificate) {
	if f.key != "" && !c.has(KeyFile, CombinedFile) {
		s.problem(ValidateError, "key", "format has no effect without a key or combined file", "add key or combined to files, or remove it")
	}
	for _, form := range []struct {
		name, file string
		used       bool
	}{
		{"pkcs12_profile", "pkcs12", c.has(PKCS12File) || c.has(TruststoreFile) && f.truststore == "pkcs12"},
		{"truststore_format", "truststore", c.has(TruststoreFile)},
		{"jks_alias", "jks", c.has(JKSFile)},
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
	needed := c.has(passwordKinds...)
	switch {
	case needed && c.Password == nil && !s.has("password"):
		s.problem(ValidateError, "password", "is missing", `pkcs12, jks and truststore files need a password: write password = { file = "PATH" }`)
	case !needed && c.Password != nil && len(c.Files) > 0:
		s.problem(ValidateError, "password", "has no effect without a pkcs12, jks or truststore file",
			"add pkcs12, jks or truststore to files, or remove it")
	}
}
