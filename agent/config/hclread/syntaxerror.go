// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// SyntaxError is a mistake in the text of a file, or in an expression, and its
// place.
type SyntaxError struct {
	Offset        int
	Message, Hint string
}

// tooDeep returns the error of a nesting deeper than maxDepth.
func tooDeep(offset int) *SyntaxError {
	return &SyntaxError{offset, fmt.Sprintf("the nesting is deeper than %d levels", maxDepth), ""}
}

// syntaxErrors converts the errors of hcl/v2: the summary becomes the message,
// and the detail the hint.
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

// betterError selects the error to show if both parsers of HCL fail. Each fails
// early at syntax that only the other one knows, so the parser that came
// further has found the mistake. But hcl/v2, which continues after an error,
// has the better message for it.
func betterError(src *Source, err1 SyntaxError, errs2 []SyntaxError) SyntaxError {
	if err1.Offset <= errs2[0].Offset {
		return errs2[0]
	}
	if err1.Offset >= len(src.text) {
		return errs2[len(errs2)-1] // hcl/v2 names what was not closed
	}
	for _, err2 := range errs2 {
		if src.Pos(err2.Offset).Line == src.Pos(err1.Offset).Line {
			return err2
		}
	}
	return err1
}
