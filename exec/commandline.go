// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// CommandLine returns a command as a log may show it: its words up to the first
// one that could hold a secret, and "…" for the rest. Of a shell's script it
// returns the words of the script. A word that could hold a secret is one with an
// assignment, a host, quotes or expansions, one that names a password or the like,
// and the value of an option that takes credentials. The result is one line.
func CommandLine(argv []string) string {
	words := argv
	if len(argv) > 2 && argv[1] == "-c" && slices.Contains(shells, filepath.Base(argv[0])) {
		words = strings.Fields(argv[2])
	}
	harmless := len(words) > 0 && filepath.Base(words[0]) == "nginx" // whose -p is a directory
	for i, word := range words {
		if mayHoldSecret(word) || i > 0 && !harmless && slices.Contains(credentials, words[i-1]) {
			return strings.Join(append(slices.Clone(words[:i]), "…"), " ")
		}
	}
	return strings.Join(words, " ")
}

var shells = []string{"sh", "bash", "dash", "ash", "ksh", "zsh"}

// credentials are options of common clients whose value is a secret or may hold
// one.
var credentials = []string{"-p", "-P", "-u", "-U", "-a", "-d", "-H", "-k", "--data", "--header", "--key", "--pass", "--user"}

// mayHoldSecret reports whether a word could hold a secret by its look.
func mayHoldSecret(word string) bool {
	if word == "" || len(word) > 120 || strings.ContainsAny(word, "=:@$`'\"\\{}") {
		return true
	}
	if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return true
	}
	if len(word) > 2 && (strings.HasPrefix(word, "-p") || strings.HasPrefix(word, "-u")) { // as in mysql -pPASSWORD
		return true
	}
	lower := strings.ToLower(word)
	return slices.ContainsFunc([]string{"pass", "pwd", "secret", "token", "credential", "apikey", "auth"}, func(hint string) bool {
		return strings.Contains(lower, hint)
	})
}
