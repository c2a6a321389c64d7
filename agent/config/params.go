// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"strings"
)

// Parameters of pki/sign and pki/issue that params must not set: those that have
// a key of their own, and those that decide the form in which Vault answers.
var (
	ownParams  = []string{"common_name", "alt_names", "ip_sans", "uri_sans", "other_sans", "exclude_cn_from_sans", "ttl", "not_after"}
	formParams = []string{"csr", "format", "private_key_format"}
)

func readParams(s *scope) map[string]string {
	settings := s.settings("params")
	params := map[string]string{}
	for _, it := range settings.items {
		switch {
		case it.name == "" || hasSpaceOrControl(it.name):
			settings.problem(LoadError, it.name, "is not the name of a parameter", "write the name without spaces")
		case slices.Contains(ownParams, it.name):
			settings.problem(ValidateError, it.name, "has a key of its own in certificate", "write it there")
		case slices.Contains(formParams, it.name):
			settings.problem(ValidateError, it.name, "cannot be set", "the keys of files say which forms are written")
		}
		var param string
		if get(settings, it.name, asParam, &param) {
			params[it.name] = param
		}
	}
	settings.finish(LoadError)
	if len(params) == 0 {
		return nil
	}
	return params
}

// asParam takes what Vault does: a string, a number, a bool, or a list of
// strings, which Vault takes with commas between them.
func asParam(v value) (string, error) {
	switch v.kind {
	case text, integer, float:
		return v.text, nil
	case boolean:
		return strconv.FormatBool(v.truth), nil
	case list:
		all, err := asLooseList(v)
		return strings.Join(all, ","), err
	}
	return "", &mismatch{"must be a string, a number, a bool or a list, not " + v.show(), ""}
}
