// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// syntaxError is a text that a reader cannot read, and where.
type syntaxError struct {
	offset        int
	message, hint string
}

// tooDeep is the error of a nesting beyond maxDepth.
func tooDeep(offset int) *syntaxError {
	return &syntaxError{offset, fmt.Sprintf("the nesting is deeper than %d levels", maxDepth), ""}
}

// syntaxErrors converts the errors of hcl/v2: what is wrong becomes the
// message, and the explanation the hint.
func syntaxErrors(diags hcl.Diagnostics) []syntaxError {
	var errs []syntaxError
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		err := syntaxError{message: lowerFirst(d.Summary), hint: d.Detail}
		if d.Subject != nil {
			err.offset = d.Subject.Start.Byte
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
func betterError(src *source, err1 syntaxError, errs2 []syntaxError) syntaxError {
	if err1.offset <= errs2[0].offset {
		return errs2[0]
	}
	if err1.offset >= len(src.text) {
		return errs2[len(errs2)-1] // something was not closed: hcl/v2 says what
	}
	for _, err2 := range errs2 {
		if src.pos(err2.offset).Line == src.pos(err1.offset).Line {
			return err2
		}
	}
	return err1
}
