// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// asList takes a list of strings.
func asList(v hclread.Value) ([]string, error) {
	return listOf(v, asString)
}

// asLooseList takes a list of strings and numbers.
func asLooseList(v hclread.Value) ([]string, error) {
	return listOf(v, asText)
}

func listOf(v hclread.Value, convert func(hclread.Value) (string, error)) ([]string, error) {
	if v.Kind != hclread.List {
		return nil, &mismatch{"must be a list of strings, not " + v.Describe(), `write ["a", "b"]`}
	}
	result := make([]string, 0, len(v.List))
	for _, element := range v.List {
		s, err := convert(element)
		if err != nil {
			return nil, &mismatch{"must be a list of strings, but contains " + element.Describe(), ""}
		}
		result = append(result, s)
	}
	return result, nil
}

// asCommaList takes a list of strings, or one string that is split at its commas.
func asCommaList(v hclread.Value) ([]string, error) {
	if v.Kind != hclread.String {
		return asList(v)
	}
	if v.Text == "" {
		return []string{}, nil
	}
	return strings.Split(v.Text, ","), nil
}

// asOneOrMore takes a list of strings, or one string that is split at its
// commas, without the spaces around them.
func asOneOrMore(v hclread.Value) ([]string, error) {
	all, err := asCommaList(v)
	for i := range all {
		if v.Kind == hclread.String {
			all[i] = strings.TrimSpace(all[i])
		}
	}
	return all, err
}

// elementOf returns the value that asOneOrMore made its element i of.
func elementOf(v hclread.Value, i int) hclread.Value {
	if v.Kind == hclread.List {
		return v.List[i]
	}
	v.Text = strings.TrimSpace(strings.Split(v.Text, ",")[i])
	return v
}
