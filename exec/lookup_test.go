// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"io/fs"
	osexec "os/exec"
	"testing"
)

func TestLookUp(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]error{
		"sh":                         nil,
		"/bin/sh":                    nil,
		"certagent-no-such-program":  osexec.ErrNotFound,
		"/certagent-no-such-program": fs.ErrNotExist,
		"./lookup.go":                fs.ErrPermission,
	} {
		if err := LookUp([]string{program, "an argument"}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", program, err, want)
		}
	}
}
