// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestSIGINTStops(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password(""))
	p.says(`every bundle is published`)
	p.signal(syscall.SIGINT)
	p.says(`stopping signal=SIGINT`)
	p.ends(0)
	p.leavesNothing()
}

func TestSIGHUPTakesTheLogLevel(t *testing.T) {
	w := newWorld(t)
	text := login + eager + password("")
	p := w.start(text)
	p.says(`every bundle is published`)
	if p.count(` DBG `) > 0 {
		t.Error("there are debug lines at level info")
	}
	w.write("agent.hcl", w.expand(text)+`log_level = "debug"`)
	p.signal(syscall.SIGHUP)
	p.says(`configuration read again.* log_level=debug`)
	w.putKV("app", map[string]any{"password": "two"})
	p.says(` DBG secret is fresh`)

	w.write("agent.hcl", w.expand(text)+`log_level = "verbose"`)
	p.signal(syscall.SIGHUP)
	p.says(`the changed configuration is not used.*agent.hcl:\d+:\d+: log_level: unknown log level`)
	w.write("agent.hcl", `templte {`)
	p.signal(syscall.SIGHUP)
	p.saysTimes(`the changed configuration is not used`, 2)
	eventually(t, "the new password", func() bool { return w.read("password") == "two" })
	p.stop()
}

// Flags count more than files, also in a configuration that is read again.
// (With Vault Agent they do not.)
func TestSIGHUPDoesNotOverruleAFlag(t *testing.T) {
	w := newWorld(t)
	text := login + eager + password("") + "log_level = \"warn\"\n"
	p := w.start(text, "-log-level=debug")
	p.says(` DBG `)
	p.says(`every bundle is published`)
	p.signal(syscall.SIGHUP)
	p.says(`configuration read again.* log_level=debug`)
	p.stop()
}

func TestSignalsThatMeanNothing(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password(""))
	p.says(`every bundle is published`)
	p.signal(syscall.SIGUSR1)
	p.says(`this signal has no meaning for certagent signal=SIGUSR1`)
	p.signal(syscall.SIGUSR2)
	p.says(`this signal has no meaning for certagent signal=SIGUSR2`)
	p.stop()
}

// A log whose reader has gone does not end certagent, not even at its start.
func TestReaderOfTheLogIsGone(t *testing.T) {
	w := newWorld(t)
	w.write("agent.hcl", w.expand(login+eager+password("")))
	gone, stderr, err := os.Pipe()
	w.check(err)
	w.check(gone.Close())
	cmd := exec.Command("certagent", "agent", "-config="+w.path("agent.hcl"), "-log-file="+w.path("agent.log"))
	cmd.Stderr = stderr
	w.check(cmd.Start())
	w.check(stderr.Close())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	eventually(t, "the first file", func() bool { return w.read("password") == "one" })
	w.putKV("app", map[string]any{"password": "two"})
	eventually(t, "the second", func() bool { return w.read("password") == "two" })
	w.check(cmd.Process.Signal(syscall.SIGTERM))
	if err := <-ended; err != nil {
		t.Errorf("certagent ended with %v", err)
	}
	if !strings.Contains(w.read("agent.log"), "certagent ends") {
		t.Errorf("the log file misses the end:\n%s", w.read("agent.log"))
	}
}

func TestLogFileThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	p := w.start(login+password(""), "-log-file="+w.path("nowhere/agent.log"))
	p.says(`certagent: error: opening log_file: open .*/nowhere/agent.log: no such file or directory\ncertagent: hint: check log_file`)
	p.ends(3)
}

func TestPIDFileOfTheAgent(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + `pid_file = "DIR/agent.pid"`)
	p.says(`every bundle is published`)
	if got, want := w.read("agent.pid"), strconv.Itoa(p.cmd.Process.Pid)+"\n"; got != want {
		t.Errorf("pid_file holds %q, want %q", got, want)
	}
	p.stop()
	if _, err := os.Stat(w.path("agent.pid")); !os.IsNotExist(err) {
		t.Errorf("pid_file is left: %v", err)
	}

	p = w.start(login + password("") + `pid_file = "DIR/nowhere/agent.pid"`)
	p.says(`certagent: error: writing pid_file: open .*/nowhere/agent.pid: no such file or directory\ncertagent: hint: check pid_file`)
	p.ends(3)
}
