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
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// server starts a script in the background, in the directory of the test.
func (w *world) server(text string) *exec.Cmd {
	w.Helper()
	cmd := exec.Command("sh", "-c", text)
	cmd.Dir = w.Path("")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	time.Sleep(50 * time.Millisecond) // in another clock tick than what was published before: within one it is not known what came first
	w.Check(cmd.Start())
	w.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return cmd
}

// use is what a server does with its file.
const use = "cp password in-use.new; mv in-use.new in-use; "

// changeByPIDFile reloads a server by its pid file.
const changeByPIDFile = `change_mode = "signal"
	change_signal = "SIGHUP"
	pid_file      = "DIR/server.pid"`

func (w *world) uses(want string) {
	w.Helper()
	harness.Eventually(w.T, "the server uses "+want, func() bool { return w.Read("in-use") == want })
}

// A server has read its file, takes its time to start, and writes its pid file when it
// is ready. What is published meanwhile is not in use: the change is owed to it.
func TestTargetThatIsStillStarting(t *testing.T) {
	for _, c := range []struct{ name, before string }{
		{"no pid file yet", ""},
		{"an empty pid file", ": > server.pid; "},
		{"a pid file of the one before", "echo 4194303 > server.pid; "},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			p := w.start(login + eager + password(changeByPIDFile))
			p.Says(logmsg.AllPublished)
			w.server(c.before + use + `trap '` + use + `' HUP
				until [ -e go ]; do sleep 0.05; done
				echo $$ > server.pid
				while :; do sleep 0.05; done`)
			w.uses("one")
			w.PutKV("app", map[string]any{"password": "two"})
			harness.Eventually(t, "the new file", func() bool { return w.Read("password") == "two" })
			p.SaysTimes("("+logmsg.ChangeWaits+"|"+logmsg.NobodyTold+")", 2) // once for each generation
			w.Write("go", "")
			w.uses("two")
			p.Says(logmsg.ChangeDone)
			if n := strings.Count(p.String(), "ERR"); n > 0 {
				t.Errorf("%d errors", n)
			}
			p.stop()
		})
	}
}

// The same across a restart of certagent, which learns from its record since when the
// file has been visible.
func TestTargetThatStartsWhileTheAgentRestarts(t *testing.T) {
	w := newWorld(t)
	config := login + eager + password(changeByPIDFile)
	p := w.start(config)
	p.Says(logmsg.NobodyTold)
	p.stop()
	w.server(use + `trap 'echo told >> told' HUP; echo $$ > server.pid; while :; do sleep 0.05; done`)
	w.uses("one")
	p = w.start(config)
	p.Says(logmsg.ChangePending)
	p.Says(logmsg.TargetStarted)
	p.stop()
	if _, err := os.Stat(w.Path("told")); err == nil {
		t.Error("a server that has read the new file was told")
	}
}

// A run that ends once everything is done does not wait for a server that may never
// come. The next run knows what is pending.
func TestOneShotDoesNotWaitForAnAbsentTarget(t *testing.T) {
	w := newWorld(t)
	config := login + password(changeByPIDFile)
	p := w.start(config, "-once")
	p.Says("WRN " + logmsg.NobodyTold + ".*the next run of certagent looks for it again")
	p.Ends(0)
	p = w.start(config, "-once")
	p.Says(logmsg.ChangePending)
	p.Ends(0)
}

// What has no handler yet is not ended by a signal that is meant to reload it.
func TestReloadDoesNotEndAStartingTarget(t *testing.T) {
	slow := use + `echo $$ > server.pid; until [ -e go ]; do sleep 0.05; done; trap '` + use + `' HUP; echo > ready; while :; do sleep 0.05; done`
	t.Run("child", func(t *testing.T) {
		w := newWorld(t)
		w.script("server", "cd DIR; "+slow)
		w.Write("server", w.expand(w.Read("server")))
		w.Check(os.Chmod(w.Path("server"), 0o755))
		p := w.start(login + eager + password(`change_mode = "signal"
			change_signal = "SIGHUP"`) + `
			exec { command = ["DIR/server"] }`)
		w.uses("one")
		w.PutKV("app", map[string]any{"password": "two"})
		harness.Eventually(t, "the new file", func() bool { return w.Read("password") == "two" })
		p.Says("WRN " + logmsg.ChangeHeld + `.*process [0-9]+ \(server\) does not catch SIGHUP, which would end it`)
		w.Write("go", "")
		w.uses("two")
		p.Says(logmsg.ChangeDone)
		p.stop()
	})
	t.Run("pid file", func(t *testing.T) {
		w := newWorld(t)
		p := w.start(login + eager + password(changeByPIDFile))
		p.Says(logmsg.AllPublished)
		w.server(slow)
		w.uses("one")
		p.Says(logmsg.TargetStarted)
		w.PutKV("app", map[string]any{"password": "two"})
		harness.Eventually(t, "the new file", func() bool { return w.Read("password") == "two" })
		p.Says("WRN " + logmsg.ChangeHeld)
		w.Write("go", "")
		w.uses("two")
		p.stop()
	})
}

// The number in a stale pid file is that of a stranger, who is left alone.
func TestStalePIDFile(t *testing.T) {
	w := newWorld(t)
	stranger := exec.Command("sleep", "4711")
	w.Check(stranger.Start())
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	w.Write("server.pid", strconv.Itoa(stranger.Process.Pid)+"\n")
	hourAgo := time.Now().Add(-time.Hour)
	w.Check(os.Chtimes(w.Path("server.pid"), hourAgo, hourAgo))
	p := w.start(login + password(strings.Replace(changeByPIDFile, "SIGHUP", "SIGTERM", 1)))
	p.Says("WRN " + logmsg.PIDFileStale + `.*process [0-9]+ \(sleep\) started 1h0m[0-9]s after it was written`)
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger: %v", err)
	}
	p.stop()
}

// A SIGHUP that is handed on to the child is meant to reload it.
func TestForwardedReloadDoesNotEndAStartingChild(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + child("echo child runs; until [ -e DIR/go ]; do sleep 0.05; done; trap 'echo child reloads' HUP; while :; do sleep 0.05; done", `hup = "child"`))
	p.Says("child runs")
	p.Signal(syscall.SIGHUP)
	p.Signal(syscall.SIGHUP)
	time.Sleep(50 * time.Millisecond)
	p.Alive()
	w.Write("go", "")
	p.Says("child reloads")
	p.stop()
}
