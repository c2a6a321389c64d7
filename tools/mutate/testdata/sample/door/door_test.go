// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package door

import "testing"

func TestNext(t *testing.T) {
	if next(closed, true, false) != open || next(closed, false, false) != closed || next(open, false, false) != open {
		t.Fail()
	}
}

func TestWait(t *testing.T) {
	if wait(12) != 10 || wait(3) != 3 {
		t.Fail()
	}
}
