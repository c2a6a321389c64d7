// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import "strings"

// Change is a reaction to a published generation, as far as deciding needs it. Two
// changes with equal keys do the same thing.
type Change struct {
	// Key identifies what is done: mode, target, signal, command. Empty means
	// that nothing is done.
	Key string
}

// ChangeKey builds the key of a change from its parts.
func ChangeKey(parts ...string) string { return strings.Join(parts, "\x00") }

// Needed returns the changes that a published generation needs, as indexes into
// changes: those of the members whose files differ, in the order of the
// configuration, equal ones once. A change that was pending before and is still
// configured stays pending: it never ran for the newest generation.
func Needed(changes []Change, differs []bool, pendingBefore map[string]bool) []int {
	var needed []int
	seen := make(map[string]bool, len(changes))
	for i, change := range changes {
		if change.Key == "" || seen[change.Key] || !(anyEqual(changes, differs, change.Key) || pendingBefore[change.Key]) {
			continue
		}
		seen[change.Key] = true
		needed = append(needed, i)
	}
	return needed
}

// anyEqual reports whether a member with that change has a file that differs.
func anyEqual(changes []Change, differs []bool, key string) bool {
	for i, change := range changes {
		if change.Key == key && differs[i] {
			return true
		}
	}
	return false
}
