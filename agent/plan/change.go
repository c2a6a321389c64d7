// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import "strings"

// Change is a reaction to a published generation, as far as deciding needs it:
// two changes with equal keys do the same thing.
type Change struct {
	// Key identifies what is done: mode, target, signal, command. Empty means
	// that nothing is done.
	Key string
}

// ChangeKey builds the key of a change from its parts.
func ChangeKey(parts ...string) string { return strings.Join(parts, "\x00") }

// Owe returns the changes that a published generation owes, as indexes into
// changes: those of the members whose files differ, in the order of the
// configuration, equal ones once. What was owed before and is still configured
// stays owed: it never ran for the newest generation.
func Owe(changes []Change, differs []bool, owedBefore map[string]bool) []int {
	var owed []int
	seen := make(map[string]bool, len(changes))
	for i, change := range changes {
		if change.Key == "" || seen[change.Key] || !(anyEqual(changes, differs, change.Key) || owedBefore[change.Key]) {
			continue
		}
		seen[change.Key] = true
		owed = append(owed, i)
	}
	return owed
}

// anyEqual says whether a member with that change has a file that differs.
func anyEqual(changes []Change, differs []bool, key string) bool {
	for i, change := range changes {
		if change.Key == key && differs[i] {
			return true
		}
	}
	return false
}
