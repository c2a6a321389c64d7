// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package logmsg

import "math/bits"

// Repeat reports whether the attempt with this number, counted from 1, is logged
// when it fails as the ones before it did: the 1st, 2nd, 4th, 8th… are. It also
// returns how many failures were left out since the last one that was logged.
func Repeat(attempt int) (logged bool, leftOut int) {
	if attempt < 1 || bits.OnesCount(uint(attempt)) != 1 {
		return false, 0
	}
	return true, max(attempt/2-1, 0)
}
