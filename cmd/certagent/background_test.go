// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// number waits for a file that a process writes its number to.
func (w *world) number(name string) (pid int) {
	w.Helper()
	harness.Eventually(w.T, name, func() bool {
		pid, _ = strconv.Atoi(strings.TrimSpace(w.Read(name)))
		return pid > 0
	})
	return pid
}

func isRunning(pid int) bool { return syscall.Kill(pid, 0) == nil }

// A child that goes into the background is named, and not left behind.
func TestChildThatGoesIntoTheBackground(t *testing.T) {
	daemon := `setsid sh -c 'trap "echo stopped >> DIR/stopped; exit 0" TERM; echo $$ > DIR/daemon.new; mv DIR/daemon.new DIR/daemon.pid; while :; do sleep 0.02; done' < /dev/null > /dev/null 2>&1 &
		until [ -e DIR/daemon.pid ]; do sleep 0.02; done; exit 0`
	for _, c := range []struct {
		name  string
		start func(w *world, text string) *process
	}{
		{"not process 1", func(w *world, text string) *process { return w.start(text) }},
		{"process 1", func(w *world, text string) *process { return w.startInit(text) }},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.script("server", w.expand(daemon))
			p := c.start(w, login+password("")+`exec { command = ["DIR/server"] }`)
			p.Says("ERR " + logmsg.ChildInBackground + `.*processes="[0-9]+ \(sh\)"`)
			p.Ends(1)
			harness.Eventually(t, "it got the stop signal", func() bool { return w.Read("stopped") == "stopped\n" })
			if c.name != "process 1" {
				if pid := w.number("daemon.pid"); isRunning(pid) {
					t.Errorf("process %d was left behind", pid)
				}
			}
		})
	}
}

// One that does not stop is killed, and started again if it is to be.
func TestChildInTheBackgroundThatDoesNotStop(t *testing.T) {
	w := newWorld(t)
	w.script("server", w.expand(`[ -e DIR/good ] && exec sleep 4711
		setsid sh -c 'trap "" TERM; echo $$ > DIR/daemon.pid; while :; do sleep 0.02; done' < /dev/null > /dev/null 2>&1 &
		until [ -s DIR/daemon.pid ]; do sleep 0.02; done; echo > DIR/good; exit 0`))
	p := w.start(login + password("") + `exec {
		command       = ["DIR/server"]
		kill_timeout  = "100ms"
		restart       = "on-failure"
		restart_delay = "10ms"
	}`)
	p.Says(logmsg.ChildInBackground)
	p.Says(logmsg.ChildRestarts)
	if pid := w.number("daemon.pid"); isRunning(pid) {
		t.Errorf("process %d was left behind", pid)
	}
	p.SaysTimes(logmsg.ChildStarted, 2)
	p.stop()
}

// What a command leaves running is meant to stay, whatever becomes of the child and of
// certagent.
func TestServerThatACommandStartsStays(t *testing.T) {
	w := newWorld(t)
	w.script("restart", w.expand(`nohup sh -c 'echo $$ > DIR/server.pid; while :; do echo line; date > DIR/alive; sleep 0.05; done' &
		env -i setsid /bin/sh -c 'echo $$ > DIR/other.pid; exec sleep 4711' > /dev/null 2>&1 &`))
	p := w.start(login + password(`command = ["DIR/restart"]`) + `exec { command = ["sh", "-c", "until [ -e DIR/end ]; do sleep 0.05; done; exit 0"] }`)
	p.Says(logmsg.ChangeDone)
	server, other := w.number("server.pid"), w.number("other.pid")
	t.Cleanup(func() { _ = syscall.Kill(server, syscall.SIGKILL); _ = syscall.Kill(other, syscall.SIGKILL) })
	w.alive("while certagent runs")
	w.Write("end", "")
	p.Ends(0)
	w.alive("after its end")
	if !isRunning(other) {
		t.Error("the one in a session of its own has ended")
	}
	if strings.Contains(p.String(), logmsg.ChildInBackground) {
		t.Error("what the command left was taken for the child's")
	}
}

// alive waits until a server has done its work once more.
func (w *world) alive(when string) {
	w.Helper()
	for range 10 { // it prints more than once
		w.Check(os.RemoveAll(w.Path("alive")))
		harness.Eventually(w.T, "the server lives "+when, func() bool { return w.Read("alive") != "" })
	}
}
