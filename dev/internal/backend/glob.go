// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import "strings"

// Glob reports whether a string matches a pattern in which * matches any string,
// including dots and slashes.
func Glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return ok && strings.HasSuffix(text, last)
}
