// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"io/fs"
	"slices"
	"strings"
)

// File is one output of a certificate.
type File struct {
	Kind FileKind
	// Form is pkcs8, pkcs1 or sec1 for a key, modern or legacy for PKCS#12, and
	// for a truststore jks or one of those of PKCS#12; empty: there is no choice.
	Form        string
	Alias       string // of the entry in a JKS file; empty: certificate
	Destination string // relative to the bundle's directory, or absolute if it has none; clean
	Perms       fs.FileMode
	Pos         Pos
}

// FileKind is what a file holds, in the words of the configuration.
type FileKind string

// The kinds of file. All but the last three are PEM.
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

// HoldsKey says whether there is a private key in such a file.
func (k FileKind) HoldsKey() bool { return slices.Contains(keyKinds, k) }

// has says whether one of the certificate's files is of one of the kinds.
func (c *Certificate) has(kinds ...FileKind) bool {
	return slices.ContainsFunc(c.Files, func(f File) bool { return slices.Contains(kinds, f.Kind) })
}

// readFiles reads which files are made of the certificate, and their forms. If
// one cannot be read there are none, so that nothing else complains.
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
	c.checkKept(s)
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
		s.asked = append(s.asked, string(kind))
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

// checkKept: at its start certagent keeps a pair that is still valid, if it finds
// one.
func (c *Certificate) checkKept(s *scope) {
	const consequence = " is written nowhere, so that each start issues a new one"
	switch {
	case !c.has(leafKinds...):
		s.problem(Warning, "files", "the certificate"+consequence, `add cert = "tls.crt"`)
	case !c.has(keyKinds...):
		s.problem(Warning, "files", "the private key"+consequence, `add key = "tls.key"`)
	}
}
