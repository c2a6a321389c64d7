// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"slices"
	"sync"
	"testing"
)

// place is where a process runs whose descendants may be orphaned.
type place string

const (
	subreaper place = "subreaper"
	initial   place = "process 1" // of a PID namespace of its own
)

var unshare = []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}

// namespaces returns the reason why no PID namespace can be created.
var namespaces = sync.OnceValue(func() error {
	out, err := osexec.Command(unshare[0], slices.Concat(unshare[1:], []string{"true"})...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot create a PID namespace: %w: %s", err, out)
	}
	return nil
})

// command returns a command that runs the test binary there, in a role.
func (p place) command(t *testing.T, role string) *osexec.Cmd {
	t.Helper()
	args := []string{os.Args[0]}
	if p == initial {
		if err := namespaces(); err != nil {
			t.Skip(err)
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

// runRoleAs returns the output of a role.
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
