// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// The test binary prepares a box when it is started for that.
func TestMain(m *testing.M) {
	if isBoxInit() {
		boxInit()
	}
	harness.AtOnce(4)
	harness.Main(m)
}

// output runs a program to its end and returns what it printed to stdout; an
// error holds what it printed to stderr.
func output(cmd *exec.Cmd) (string, error) {
	text, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return string(text), err
}

// write writes a file that everybody may read.
func write(t *testing.T, path, text string) {
	t.Helper()
	harness.WriteFile(t, path, text, 0o644)
}

// install copies a program to where the thing under test expects it.
func install(t *testing.T, from, to string) {
	t.Helper()
	harness.WriteFile(t, to, harness.ReadFile(t, from), 0o755)
}
