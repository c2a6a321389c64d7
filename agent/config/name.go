// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"regexp"
	"strconv"
)

// plainNames are names that need no quoting anywhere: in files, on the command
// line, in metrics.
var plainNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// checkName complains about a label that cannot be the name of such a block.
func (s *scope) checkName(kind Kind, name, of string) {
	if !plainNames.MatchString(name) {
		s.problem(kind, "", strconv.Quote(name)+" cannot be the name of "+of,
			"take up to 64 letters, digits, dots, dashes and underscores")
	}
}
