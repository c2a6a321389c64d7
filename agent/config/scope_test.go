// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"destination", "perms", "user", "uid", "gid", "contents", "command"}
	tests := map[string]string{
		"destnation": "destination", "dest": "", "perm": "perms", "comand": "command", "content": "contents",
		"xid": "gid", // as near as uid: the first of the alphabet
		"":    "", "foo": "", "backup": "", strings.Repeat("perms", 20): "",
	}
	for name, want := range tests {
		for range 2 {
			if got := nearestName(name, known); got != want {
				t.Errorf("%q: got %q, want %q", name, got, want)
			}
			slices.Reverse(known)
		}
	}
}
