// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package hclread reads the text of a configuration file, HCL or JSON, into one
// tree. Every value of the tree keeps its place in the file.
//
// Literals mean what they mean in HCL's first version, in which Vault Agent's
// files are written, whichever parser reads the file. Expressions, which only
// HCL's second version has, are evaluated. The package does not know which keys
// and blocks a configuration may contain.
package hclread

import "unicode/utf8"

// Read reads a file into a tree. A text that starts with a brace is JSON. HCL is
// read by hcl/v2, which knows expressions; a file that hcl/v2 refuses (several
// keys on one line, quoted keys, objects without commas) is read by the parser of
// HCL's first version.
//
// Read passes each mistake to report: one mistake of syntax, after which there is
// no tree, or all expressions that cannot be evaluated, which are absent from the
// tree. The result is false if anything was reported. lookupEnv is called by the
// function env.
func Read(src *Source, lookupEnv func(string) (string, bool), report func(SyntaxError)) (*Object, bool) {
	if bad := invalidByte(src.text); bad >= 0 {
		report(SyntaxError{bad, "the file is not UTF-8 text", ""})
		return nil, false
	}
	if src.IsJSON() {
		return readJSON(src, report)
	}
	masked, err := mask(src.text)
	if err != nil {
		report(*err)
		return nil, false
	}
	reader := hcl2Reader{src: src, masked: masked, lookupEnv: lookupEnv, report: report}
	tree, errs2 := reader.read()
	if len(errs2) == 0 {
		return tree, !reader.failed
	}
	tree, err1 := readHCL1(src)
	if err1 == nil {
		return tree, true
	}
	report(betterError(src, *err1, errs2))
	return nil, false
}

// invalidByte returns the offset of the first byte that is not allowed in a
// configuration: one that is not UTF-8, or a NUL. It returns -1 if there is none.
func invalidByte(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
