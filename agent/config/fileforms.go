// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

// fileForms are the forms in which the files of a certificate are written.
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
		s.problem(LoadError, "jks_alias", "has characters that not every Java reads", "take letters and digits")
	}
	return f
}

// of returns the form of a kind of file.
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

// check complains about forms of files that are not written.
func (f fileForms) check(s *scope, c *Certificate) {
	if f.key != "" && !c.has(KeyFile, CombinedFile) {
		s.problem(ValidateError, "key", "format has no effect without a file that it is for", "add key or combined to files, or remove it")
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
			s.problem(ValidateError, form.name, "has no effect without a file that it is for", "add "+form.file+" to files, or remove it")
		}
	}
}
