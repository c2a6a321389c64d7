// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGroup(t *testing.T) {
	for _, test := range []struct {
		name     string
		requests [][]string
		want     [][]int
	}{
		{"none", nil, nil},
		{"ca, cert and key of one request", [][]string{{"issue"}, {"issue"}, {"issue"}}, [][]int{{0, 1, 2}}},
		{"two certificates, interleaved", [][]string{{"a"}, {"b"}, {"a"}, {"b"}}, [][]int{{0, 2}, {1, 3}}},
		{"templates without secrets stand alone", [][]string{nil, {"a"}, nil}, [][]int{{0}, {1}, {2}}},
		{"a template of two secrets joins their bundles", [][]string{{"a"}, {"b"}, {"c"}, {"b", "a"}}, [][]int{{0, 1, 3}, {2}}},
		{"a chain found from its end", [][]string{{"d"}, {"c", "d"}, {"b", "c"}, {"a", "b"}}, [][]int{{0, 1, 2, 3}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, group(test.requests)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
