// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"strings"
)

// entry is a mutant that no test can kill, since it behaves like the original.
type entry struct {
	line   int
	pkg    string // the package's directory
	key    string // see mutant.key
	reason string
}

// readEquivalent reads a list of equivalent mutants. An entry has three lines:
// the package and function, the change as it is reported, and the reason. Empty
// lines and those that begin with # come between entries.
func readEquivalent(path string) ([]entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var entries []entry
	var lines []string
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if len(lines) == 0 && (line == "" || strings.HasPrefix(line, "#")) {
			continue
		}
		if lines = append(lines, line); len(lines) < 3 {
			continue
		}
		pkg, function, _ := strings.Cut(lines[0], " ")
		reason, ok := strings.CutPrefix(lines[2], "because ")
		if !ok || reason == "" {
			return nil, fmt.Errorf("%s:%d: the third line of an entry gives the reason: because …", path, number)
		}
		entries = append(entries, entry{line: number - 2, pkg: pkg, key: function + "\n" + lines[1], reason: reason})
		lines = nil
	}
	if len(lines) > 0 {
		return nil, fmt.Errorf("%s:%d: an entry has three lines", path, number)
	}
	return entries, nil
}
