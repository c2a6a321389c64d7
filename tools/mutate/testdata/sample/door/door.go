// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package door is mutated by a test.
package door

type state int

const (
	closed state = iota
	open
)

func next(now state, push, locked bool) state {
	if push && !locked {
		return open
	}
	return now
}

func wait(n int) int {
	for n > 10 {
		n--
	}
	return n
}

func unused() bool { return true }
