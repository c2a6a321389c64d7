// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"unicode/utf8"
)

// readTree reads a file into the tree. JSON is told by its first byte. HCL is
// read by hcl/v2, which knows expressions; what it cannot read (several keys on
// one line, quoted keys, objects without commas) goes to the parser of HCL's
// first version.
//
// The errors of either end the reading of this file; errors of expressions are
// all collected in problems.
func readTree(src *source, functions functions, report func(syntaxError)) (*object, bool) {
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
	reader := hcl2Reader{src: src, masked: masked, functions: functions, report: report}
	tree, err2 := reader.read()
	if err2 == nil {
		return tree, !reader.failed
	}
	tree, err1 := readHCL1(src)
	if err1 == nil {
		return tree, true
	}
	// Either parser stumbles first over what only the other one knows. The one
	// that came further has found the mistake.
	if err1.offset > err2.offset {
		err2 = err1
	}
	report(*err2)
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

// tooDeep is the error of a nesting beyond maxDepth.
func tooDeep(offset int) *syntaxError {
	return &syntaxError{offset, fmt.Sprintf("the nesting is deeper than %d levels", maxDepth), ""}
}
