// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// readWord reads one of some words. Another one leaves to as it is.
func readWord(s *scope, name string, to *string, words ...string) {
	get(s, name, func(v hclread.Value) (string, error) {
		hint := "write " + eitherOf(words)
		word, err := asString(v)
		if err != nil {
			return "", &mismatch{err.Error(), hint}
		}
		if !slices.Contains(words, word) {
			return "", &mismatch{"unknown value " + v.Describe(), hint}
		}
		return word, nil
	}, to)
}

// eitherOf lists words for a hint: "a", "b" or "c".
func eitherOf(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strconv.Quote(word)
	}
	last := len(quoted) - 1
	if last < 1 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}
