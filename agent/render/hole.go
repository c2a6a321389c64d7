// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"bytes"
	"fmt"
	"strings"
)

// hole is what text/template prints for a missing key or nil.
const hole = "<no value>"

// holes returns an error if the output contains the mark of a missing key, unless the
// template itself contains it.
func (t *Template) holes(output []byte, written []Written) error {
	if strings.Contains(t.in.Contents, hole) {
		return nil
	}
	at, file := bytes.Index(output, []byte(hole)), "the output"
	content := output
	for _, w := range written {
		if at < 0 {
			content, file = w.Content, w.Path
			at = bytes.Index(content, []byte(hole))
		}
	}
	if at < 0 {
		return nil
	}
	line := bytes.Count(content[:at], []byte("\n")) + 1
	return t.in.holeError(file, line)
}

// holeError returns the Error for a missing key, of which only the mark in the output is
// known.
func (in Input) holeError(file string, line int) *Error {
	e := in.errorAt(0, 0, fmt.Sprintf("line %d of %s would hold %q: a key is missing", line, file, hole))
	e.Hint = "set error_on_missing_key to learn which key, or guard it with if or with"
	return e
}
