// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// asMode takes permissions: a string of octal digits, or a number.
func asMode(v hclread.Value) (int, error) {
	switch v.Kind {
	case hclread.Integer:
		return int(v.Int), nil
	case hclread.String:
		if mode, err := strconv.ParseUint(v.Text, 8, 12); err == nil {
			return int(mode), nil
		}
	}
	return 0, &mismatch{"must be permissions, not " + v.Describe(), `write octal digits in quotes, such as "0640"`}
}

// readMode checks permissions and says where they are not what was meant.
func readMode(s *scope, kind Kind, name string, mode int) fs.FileMode {
	v := s.value(name)
	if mode < 0 || mode > 0o7777 {
		s.problem(kind, name, "must be permissions, not "+v.Describe(), "the highest are 07777")
		return 0
	}
	switch {
	case v.Kind == hclread.Integer && s.looksOctal(v.Text, mode):
		s.problem(Warning, name, fmt.Sprintf("%s is decimal and means 0%o", v.Text, mode),
			"octal starts with 0: 0"+v.Text)
	case mode > 0o777:
		s.problem(Warning, name, fmt.Sprintf("setuid, setgid and sticky bits are ignored: 0%o is left", mode&0o777), "")
	}
	return fs.FileMode(mode & 0o777)
}

// looksOctal tells whether a number was written in decimal that was probably
// meant to be octal. In JSON, which has no octal, decimal is right unless the
// outcome is odd.
func (s *scope) looksOctal(written string, mode int) bool {
	if strings.HasPrefix(written, "0") || len(written) < 3 || strings.ContainsAny(written, "89") {
		return false
	}
	return !s.src.IsJSON() || mode > 0o777
}
