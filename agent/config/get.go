// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "github.com/certagent/certagent/agent/config/hclread"

// get reads a key into to and tells whether it was there and right. A key that
// is absent leaves to as it is, so that it can hold the default.
func get[T any](s *scope, name string, convert func(hclread.Value) (T, error), to *T) bool {
	return getAs(s, LoadError, name, convert, to)
}

// getAs is get for a key whose mistakes are of another kind than LoadError.
func getAs[T any](s *scope, kind Kind, name string, convert func(hclread.Value) (T, error), to *T) bool {
	s.asked = append(s.asked, name)
	v := s.value(name)
	if v.Kind == hclread.Absent {
		return false
	}
	converted, err := convert(v)
	if err != nil {
		s.problem(kind, name, err.Error(), hintOf(err))
		return false
	}
	*to = converted
	return true
}

// refuse complains about a key that people bring from elsewhere, if it is there.
func (s *scope) refuse(name, message, hint string) {
	if len(s.find(name)) == 0 {
		return
	}
	s.asked = append(s.asked, name)
	s.problem(LoadError, name, message, hint)
}
