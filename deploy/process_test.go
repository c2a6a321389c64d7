// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// process is a program that runs.
type process struct {
	*testing.T
	*harness.Process
}

// start starts a program in a process group of its own.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	return &process{t, harness.Start(t, cmd)}
}

// inside is where a file of a container is from here.
func (p *process) inside(path string) string {
	return filepath.Join("/proc", strconv.Itoa(p.PID()), "root", path)
}
