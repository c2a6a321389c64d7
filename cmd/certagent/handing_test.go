// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"regexp"
	"strconv"
)

// numbers waits until certagent or its children have printed the word n times
// with a number behind it, each on a line of its own.
func (p *process) numbers(word string, n int) []int {
	p.Helper()
	line := regexp.MustCompile(`(?m)^` + word + ` (\d+)$`)
	var found []int
	eventually(p, "a child says "+word, func() bool {
		found = nil
		for _, match := range line.FindAllStringSubmatch(p.out.String(), -1) {
			number, _ := strconv.Atoi(match[1])
			found = append(found, number)
		}
		return len(found) >= n
	})
	return found
}
