// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "unicode/utf8"

// readTree reads a file into the tree. JSON is told by its first byte. HCL is
// read by hcl/v2, which knows expressions; what it cannot read (several keys on
// one line, quoted keys, objects without commas) goes to the parser of HCL's
// first version.
//
// The errors of either end the reading of this file; errors of expressions are
// all collected in problems.
func readTree(src *source, lookupEnv func(string) (string, bool), report func(syntaxError)) (*object, bool) {
	if bad := invalidByte(src.text); bad >= 0 {
		report(syntaxError{bad, "the file is not UTF-8 text", ""})
		return nil, false
	}
	if src.isJSON() {
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

// invalidByte returns the offset of the first byte that no configuration
// contains: not UTF-8, or a NUL. It is -1 if there is none.
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
