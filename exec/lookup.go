// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"fmt"
	osexec "os/exec"
)

// LookUp reports why the program of a command cannot be started: it is not in PATH,
// does not exist, or is not executable. It starts nothing.
func LookUp(argv []string) error {
	if len(argv) == 0 {
		return nil
	}
	_, err := osexec.LookPath(argv[0])
	if err == nil || errors.Is(err, osexec.ErrDot) {
		return nil
	}
	var failed *osexec.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("cannot run %q: %w", argv[0], err)
}
