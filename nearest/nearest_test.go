// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/certagent/certagent/nearest"
)

func TestName(t *testing.T) {
	t.Parallel()
	known := []string{"destination", "perms", "user", "uid", "gid", "contents", "command", "toJSON"}
	long := strings.Repeat("a", 64)
	for _, c := range []struct {
		name string
		most int
		want string
	}{
		{"destnation", 1, "destination"},
		{"destnaton", 1, ""},
		{"destnaton", 2, "destination"},
		{"PERM", 1, "perms"},
		{"tojson", 0, "toJSON"},
		{"comand", 0, ""},
		{"xid", 1, "gid"}, // as near as uid: the first in the alphabet
		{"", 2, ""},
		{long, 100, "toJSON"},
		{long + "a", 100, ""},
	} {
		names := known
		if c.name == long {
			names = known[7:]
		}
		for range 2 {
			if got := nearest.Name(c.name, slices.Values(names), c.most); got != c.want {
				t.Errorf("%q, %d: got %q, want %q", c.name, c.most, got, c.want)
			}
			slices.Reverse(known[:7])
		}
	}
}
