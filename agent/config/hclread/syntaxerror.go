// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// syntaxError is a text that a reader cannot read, and where.
type SyntaxError struct {
	Offset        int
	Message, Hint string
}

// tooDeep is the error of a nesting beyond maxDepth.
func tooDeep(offset int) *SyntaxError {
	return &SyntaxError{offset, fmt.Sprintf("the nesting is deeper than %d levels", maxDepth), ""}
}

// syntaxErrors converts the errors of hcl/v2: what is wrong becomes the
// message, and the explanation the hint.
func syntaxErrors(diags hcl.Diagnostics) []SyntaxError {
	var errs []SyntaxError
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		err := SyntaxError{Message: lowerFirst(d.Summary), Hint: d.Detail}
		if d.Subject != nil {
			err.Offset = d.Subject.Start.Byte
		}
		errs = append(errs, err)
	}
	return errs
}

func lowerFirst(s string) string {
	return strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):]
}

// betterError chooses among what the two parsers of HCL complain about. Either
// stumbles first over what only the other one knows, so the one that came
// further has found the mistake; but hcl/v2, which goes on after an error, has
// the better words for it.
func betterError(src *Source, err1 SyntaxError, errs2 []SyntaxError) SyntaxError {
	if err1.Offset <= errs2[0].Offset {
		return errs2[0]
	}
	if err1.Offset >= len(src.text) {
		return errs2[len(errs2)-1] // something was not closed: hcl/v2 says what
	}
	for _, err2 := range errs2 {
		if src.Pos(err2.Offset).Line == src.Pos(err1.Offset).Line {
			return err2
		}
	}
	return err1
}
