// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"context"
	"os"
	osexec "os/exec"
	"slices"
	"testing"
)

// place is where a process runs whose descendants may be orphaned.
type place string

const (
	subreaper place = "subreaper"
	initial   place = "process 1" // of a PID namespace of its own
)

// command is the test binary there, playing a role.
func (p place) command(t *testing.T, role string) *osexec.Cmd {
	t.Helper()
	args := []string{os.Args[0]}
	if p == initial {
		unshare := []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}
		if out, err := osexec.Command(unshare[0], slices.Concat(unshare[1:], []string{"true"})...).CombinedOutput(); err != nil {
			t.Skipf("a PID namespace cannot be made here: %v: %s", err, out)
		}
		args = slices.Concat(unshare, args)
	} else {
		role = "subreaper " + role
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
	t.Cleanup(cancel)
	cmd := osexec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = as(role)
	return cmd
}

// runRoleAs returns what a role printed.
func runRoleAs(t *testing.T, p place, role string) string {
	t.Helper()
	cmd := p.command(t, role)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("role %q as %s: %v\n%s%s", role, p, err, out, &stderr)
	}
	return string(out)
}
