// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// TestCommand runs the command as a user does. However it ends, no process is
// left, and no file unless it was killed.
func TestCommand(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "nginx")
	if output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	certagent, nginx := harness.Certagent(t), nginxBinary(t)
	for form, proof := range map[string]string{"bundle": " yes ", "templates": " - "} {
		t.Run("it ends by itself with form="+form, func(t *testing.T) {
			c := startCommand(t, program, "-form="+form, "-certagent="+certagent, "-nginx="+nginx, "-rotations=1")
			c.ends(0)
			lines := c.String()
			if !strings.Contains(lines, proof) || !strings.Contains(lines, "1 rotations, ") || !strings.Contains(lines, ", 0 failed") {
				t.Errorf("it printed:\n%s", lines)
			}
		})
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for _, server := range []string{nginx, "none"} {
			t.Run(fmt.Sprintf("%v with nginx=%s", sig, filepath.Base(server)), func(t *testing.T) {
				c := startCommand(t, program, "-certagent="+certagent, "-nginx="+server)
				c.Says(`(?m)^  0  `)
				c.Signal(sig)
				c.ends(0)
			})
		}
	}
	t.Run("SIGKILL", func(t *testing.T) {
		c := startCommand(t, program, "-certagent="+certagent, "-nginx="+nginx)
		c.Says(`(?m)^  0  `)
		c.Signal(syscall.SIGKILL)
		// The directory is left, but no process.
		harness.Eventually(t, "every process ends", func() bool { return len(c.processes()) == 0 })
	})
	t.Run("SIGINT while it starts", func(t *testing.T) {
		idle := filepath.Join(t.TempDir(), "idle") // never brings a certificate
		harness.WriteFile(t, idle, "#!/bin/sh\nexec sleep 600\n", 0o700)
		c := startCommand(t, program, "-certagent="+idle, "-nginx="+nginx)
		harness.Eventually(t, "certagent is started", func() bool {
			logs, err := filepath.Glob(filepath.Join(c.temp, "*", "bundle.hcl.log"))
			return err == nil && len(logs) == 1
		})
		c.Signal(syscall.SIGINT)
		c.ends(0)
	})
	t.Run("certagent ends", func(t *testing.T) {
		c := startCommand(t, program, "-certagent=/bin/false", "-nginx="+nginx)
		c.ends(1)
		lines := c.String()
		if !strings.Contains(lines, "error: certagent with bundle.hcl exited: exit status 1") {
			t.Errorf("it printed:\n%s", lines)
		}
	})
	t.Run("there is no such form", func(t *testing.T) {
		c := startCommand(t, program, "-form=three")
		c.ends(1)
		lines := c.String()
		if !strings.Contains(lines, `error: there is no form "three"`) {
			t.Errorf("it printed:\n%s", lines)
		}
	})
	t.Run("there is no such nginx", func(t *testing.T) {
		c := startCommand(t, program, "-certagent="+certagent, "-nginx=/there/is/none")
		c.ends(1)
		lines := c.String()
		if !strings.Contains(lines, "error: nginx: ") {
			t.Errorf("it printed:\n%s", lines)
		}
	})
}

// started is a command that runs.
type started struct {
	*testing.T
	*harness.Process
	temp string
}

func startCommand(t *testing.T, program string, args ...string) *started {
	t.Helper()
	// Another demonstration on this machine may be about to take the usual address.
	args = append([]string{"-listen=" + harness.Loopback()}, args...)
	temp, cmd := t.TempDir(), exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	// What outlives the command must not end because it cannot print any more.
	cmd.WaitDelay = harness.Patience
	return &started{t, harness.Start(t, cmd), temp}
}

// ends fails the test unless the command ends with the code and leaves nothing.
func (c *started) ends(code int) {
	c.Helper()
	c.Ends(code)
	left, err := filepath.Glob(filepath.Join(c.temp, "*"))
	if err != nil || len(left) > 0 {
		c.Errorf("left behind: %q, %v", left, err)
	}
	if left := c.processes(); len(left) > 0 {
		c.Errorf("still running: %q", left)
	}
}

// processes are those that run below the command's temporary directory.
func (c *started) processes() []string {
	c.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		c.Fatal(err)
	}
	return slices.DeleteFunc(links, func(link string) bool {
		dir, err := os.Readlink(link)
		return err != nil || !strings.HasPrefix(dir, c.temp)
	})
}
