// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package settings

// TemplateText is the text of a template, and how it is read.
type TemplateText struct {
	Source   string // a file; "" if Contents is set
	Contents string

	ErrorOnMissingKey     bool     // a missing key of a map is an error
	AllowNoValue          bool     // the output may contain "<no value>" for a missing key
	LeftDelim, RightDelim string   // "" means "{{" and "}}"
	FunctionDenylist      []string // globs of functions that fail when they are called
}
