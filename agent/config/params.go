// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
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
		case it.Name == "" || hasSpaceOrControl(it.Name):
			settings.problem(LoadError, it.Name, "is not the name of a parameter", "write the name without spaces")
		case slices.Contains(ownParams, it.Name):
			settings.problem(ValidateError, it.Name, "has a key of its own in certificate", "write it there")
		case slices.Contains(formParams, it.Name):
			settings.problem(ValidateError, it.Name, "cannot be set", "the keys of files say which forms are written")
		}
		var param string
		if get(settings, it.Name, asParam, &param) {
			params[it.Name] = param
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
func asParam(v hclread.Value) (string, error) {
	switch v.Kind {
	case hclread.String, hclread.Integer, hclread.Float:
		return v.Text, nil
	case hclread.Bool:
		return strconv.FormatBool(v.Bool), nil
	case hclread.List:
		all, err := asLooseList(v)
		return strings.Join(all, ","), err
	}
	return "", &mismatch{"must be a string, a number, a bool or a list, not " + v.Describe(), ""}
}
