// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// script writes an executable script.
func (w *world) script(name, text string) {
	w.Helper()
	harness.WriteFile(w.T, w.Path(name)+".new", "#!/bin/sh\n"+text, 0o755)
	w.Check(os.Rename(w.Path(name)+".new", w.Path(name)))
}

// A failed change stays owed, and is tried again without a word to Vault, until
// it succeeds.
func TestChangeThatFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(w *world)
		more  string // of the change
		want  []string
	}{{
		name:  "fails",
		spoil: func(w *world) { w.script("reload", "echo configuration file test failed >&2; exit 3") },
		want:  []string{logmsg.ChangeFailed + `.*command \\".*/reload\\": exit code 3`, `output="configuration file test failed`},
	}, {
		name:  "is killed",
		spoil: func(w *world) { w.script("reload", "kill -KILL $$") },
		want:  []string{logmsg.ChangeFailed + `.*/reload\\": ended by SIGKILL`},
	}, {
		name:  "does not exist",
		spoil: func(*world) {},
		want:  []string{logmsg.ChangeFailed + `.*/reload\\": no such program, or its interpreter is missing`},
	}, {
		name:  "is not executable",
		spoil: func(w *world) { w.Write("reload", "not for execution") },
		want:  []string{logmsg.ChangeFailed + `.*/reload\\": not executable for the user that runs certagent`},
	}, {
		name:  "hangs, and so does what it started",
		spoil: func(w *world) { w.script("reload", "trap '' TERM; sleep 4711 & sh -c \"trap '' TERM; sleep 4712\"") },
		more:  "timeout = \"300ms\"\n kill_timeout = \"300ms\"",
		want:  []string{logmsg.ChangeFailed + `.*/reload\\": timed out after 300ms`},
	}, {
		name:  "prints without end",
		spoil: func(w *world) { w.script("reload", "head -c 100000000 /dev/zero | tr '\\0' x; exit 3") },
		want:  []string{logmsg.ChangeFailed + `.*/reload\\": exit code 3`},
	}} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			c.spoil(w)
			p := w.start(login + certificate(once, `exec {
				command = ["DIR/reload"]
				`+c.more+`
			}`))
			p.Says(logmsg.AllPublished)
			for _, pattern := range c.want {
				p.Says(pattern)
			}
			p.SaysTimes(logmsg.ChangeFailed, 2)
			before, asked := w.snapshot(published...), len(w.Dev.Requests())
			w.script("reload", "echo changed >> "+w.Path("changes"))
			p.Says(logmsg.ChangeDone)
			if left := descendants(t, w.Path("")); len(left) > 1 {
				t.Errorf("besides the agent there are %q", left)
			}
			p.stop()
			before.same()
			if got := w.Read("changes"); got != "changed\n" {
				t.Errorf("the command has succeeded %d times, want once", strings.Count(got, "\n"))
			}
			if n := len(w.Dev.Requests()); n != asked {
				t.Errorf("%d requests for a change that failed", n-asked)
			}
			if n := len(p.String()); n > 100_000 {
				t.Errorf("%d bytes were logged", n)
			}
		})
	}
}

// What a command prints does not stay in memory.
func TestCommandThatPrintsWithoutEnd(t *testing.T) {
	w := newWorld(t)
	w.script("reload", "head -c 300000000 /dev/zero | tr '\\0' x")
	p := w.start(login + password(`command = ["DIR/reload"]`))
	p.Says(logmsg.ChangeDone)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	w.Check(err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if peak == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	if kB, _ := strconv.Atoi(string(peak[1])); kB > 250_000 { // a race detector takes its share
		t.Errorf("the agent took %d kB", kB)
	}
	p.stop()
}

func TestChangeThatMayNotFail(t *testing.T) {
	retries := strings.Replace(login, `address = "ADDRESS"`, "address = \"ADDRESS\"\n  retry { num_retries = -1 }\n", 1)
	for name, text := range map[string]string{
		"exit_on_retry_failure": retries + "template_config { exit_on_retry_failure = true }" + password(`command = ["DIR/reload"]`),
		"fail_on_error": login + password(`change_mode = "command"
			change_script {
				command       = "DIR/reload"
				fail_on_error = true
			}`),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.script("reload", "exit 3")
			p := w.start(text)
			p.Says(logmsg.ExitingOnError + ` error=".*/reload\\": exit code 3" code=7`)
			p.Ends(7)
			p.leavesNothing()
			if w.Read("password") != "one" {
				t.Error("the file is not there")
			}
			// What is owed is remembered.
			w.script("reload", "echo changed >> "+w.Path("changes"))
			p = w.start(text)
			harness.Eventually(t, "the owed change", func() bool { return w.Read("changes") == "changed\n" })
			p.stop()
		})
	}
}

func TestPIDFile(t *testing.T) {
	for _, c := range []struct {
		name, content string
		want          string
	}{
		{"missing", "", "WRN " + logmsg.NobodyTold},
		{"dead", "4194303\n", "INF " + logmsg.ChangeWaits},
		{"empty", "\n", "INF " + logmsg.ChangeWaits},
		{"garbage", "nginx\n", logmsg.ChangeFailed + `.*target.pid\\": the file does not hold one number`},
		{"nought", "0\n", logmsg.ChangeFailed + `.*target.pid\\": 0 is never signalled`},
		{"init", "1\n", logmsg.ChangeFailed + `.*target.pid\\": 1 is never signalled`},
		{"negative", "-1\n", logmsg.ChangeFailed + `.*target.pid\\": -1 is never signalled`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ns, _ := os.Readlink("/proc/self/ns/pid"); c.name == "init" && ns != "pid:[4026531836]" {
				t.Skip("in a container, process 1 may be signalled")
			}
			w := newWorld(t)
			if c.content != "" {
				w.Write("target.pid", c.content)
			}
			p := w.start(login + eager + password(`change_mode = "signal"
				change_signal = "SIGUSR1"
				pid_file      = "DIR/target.pid"`))
			p.Says(c.want)
			before := w.snapshot("password")
			time.Sleep(30 * time.Millisecond) // the kernel tells when a process started in hundredths of a second
			target := w.target()
			w.Write("target.pid", strconv.Itoa(target.Process.Pid)+"\n")
			if !strings.HasPrefix(c.want, logmsg.ChangeFailed) { // it has started since, and needs no signal
				p.Says(logmsg.TargetStarted)
				before.same()
				w.PutKV("app", map[string]any{"password": "two"})
			}
			harness.Eventually(t, "the signal", func() bool { return w.Read("signals") == "got it\n" })
			p.Says(logmsg.ChangeDone)
			p.stop()
		})
	}
}

// target is a process that notes each SIGUSR1.
func (w *world) target() *exec.Cmd {
	w.Helper()
	cmd := exec.Command("sh", "-c", "trap 'echo got it >> signals' USR1; echo ready > ready; while :; do sleep 0.05; done")
	cmd.Dir = w.Path("")
	w.Check(cmd.Start())
	w.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	harness.Eventually(w.T, "the target runs", func() bool { return w.Read("ready") == "ready\n" })
	return cmd
}
