// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "strings"

// asList takes a list of strings.
func asList(v value) ([]string, error) {
	return listOf(v, asString)
}

// asLooseList takes a list of strings and numbers.
func asLooseList(v value) ([]string, error) {
	return listOf(v, asText)
}

func listOf(v value, convert func(value) (string, error)) ([]string, error) {
	if v.kind != list {
		return nil, &mismatch{"must be a list of strings, not " + v.show(), `write ["a", "b"]`}
	}
	result := make([]string, 0, len(v.list))
	for _, element := range v.list {
		s, err := convert(element)
		if err != nil {
			return nil, &mismatch{"must be a list of strings, but contains " + element.show(), ""}
		}
		result = append(result, s)
	}
	return result, nil
}

// asCommaList takes a list of strings, or one string that is split at its commas.
func asCommaList(v value) ([]string, error) {
	if v.kind != text {
		return asList(v)
	}
	if v.text == "" {
		return []string{}, nil
	}
	return strings.Split(v.text, ","), nil
}

// asOneOrMore takes a list of strings, or one string that is split at its
// commas, without the spaces around them.
func asOneOrMore(v value) ([]string, error) {
	all, err := asCommaList(v)
	for i := range all {
		if v.kind == text {
			all[i] = strings.TrimSpace(all[i])
		}
	}
	return all, err
}

// element is what asOneOrMore made an element of.
func (v value) element(i int) value {
	if v.kind == list {
		return v.list[i]
	}
	v.text = strings.TrimSpace(strings.Split(v.text, ",")[i])
	return v
}
