// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// child is an exec block that runs a shell script.
func child(script, more string) string {
	return fmt.Sprintf("exec {\n  command = [\"/bin/sh\", \"-c\", %q]\n  %s\n}\n", script, more)
}

// The exit code of certagent is that of its child.
func TestChildsExitCode(t *testing.T) {
	for _, c := range []struct {
		name, exec string
		code       int
		want       string
	}{
		{"at once", child("exit 7", ""), 7, logmsg.ChildNotRestarted + ` code=7`},
		{"at once with success", child("exit 0", ""), 0, logmsg.ChildNotRestarted + ` code=0`},
		{"by a signal", child("kill -KILL $$", ""), 137, logmsg.ChildNotRestarted + ` code=137`},
		{"by another signal", child("kill -TERM $$", ""), 143, logmsg.ChildNotRestarted + ` code=143`},
		{"not there", `exec { command = ["/nowhere/to/be/found"] }`, 127, logmsg.ChildNotStarted + `.*/nowhere/to/be/found\\": no such program, or its interpreter is missing`},
		{"not in PATH", `exec { command = ["nowhere-to-be-found"] }`, 127, logmsg.ChildNotStarted + `.*nowhere-to-be-found\\": not found in PATH`},
		{"not executable", `exec { command = ["DIR/roleid"] }`, 126, logmsg.ChildNotStarted + `.*roleid\\": not executable for the user that runs certagent`},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			p := w.start(login + password("") + c.exec)
			p.Says(c.want)
			p.Ends(c.code)
			p.leavesNothing()
			if w.Read("password") != "one" {
				t.Error("the child was started before its file was there")
			}
		})
	}
}

func TestChildThatIgnoresSIGTERM(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + child("trap '' TERM; echo child runs; while :; do sleep 0.05; done", `kill_timeout = "200ms"`))
	p.Says(`child runs`)
	p.stop()
}

func TestSecondSIGTERMHurries(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + child("trap 'echo child will not' TERM; echo child runs; while :; do sleep 0.05; done", `kill_timeout = "10m"`))
	p.Says(`child runs`)
	p.Signal(syscall.SIGTERM)
	p.Says(`child will not`)
	p.Alive()
	time.Sleep(sameStop) // the signal is another request then
	p.Signal(syscall.SIGTERM)
	p.Says(logmsg.StoppingAtOnce)
	p.Ends(0)
	p.leavesNothing()
}

// Two signals milliseconds apart are one request: a supervisor signals the process and
// its group, or timeout(1) does. The child gets the time that it needs.
func TestSIGTERMTwiceAtOnceIsOneRequest(t *testing.T) {
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signalName(second), func(t *testing.T) {
			w := newWorld(t)
			p := w.start(login + password("") + child("trap 'sleep 2; echo child is done; exit 0' TERM; echo child runs; while :; do sleep 0.05; done", ""))
			p.Says(`child runs`)
			p.Signal(syscall.SIGTERM)
			time.Sleep(5 * time.Millisecond)
			p.Signal(second)
			p.Says(logmsg.StopRepeated + ` signal=` + signalName(second))
			p.Says(`child is done`)
			p.Ends(0)
			if p.Count(logmsg.StoppingAtOnce) > 0 {
				t.Error("the child was killed")
			}
			p.leavesNothing()
		})
	}
}

// The code with which the child ends on SIGTERM is handed on.
func TestChildsExitCodeAfterSIGTERM(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + child("trap 'exit 42' TERM; echo child runs; while :; do sleep 0.05; done", ""))
	p.Says(`child runs`)
	p.Signal(syscall.SIGTERM)
	p.Says(logmsg.ExitingWithChild + ` code=42`)
	p.Ends(42)
}

func TestChildIsRestartedForNewSecrets(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + eager + `env_template "PASSWORD" {
  contents = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
}
` + child(`echo "child has $PASSWORD"; while :; do sleep 0.05; done`, ""))
	p.Says(`child has one`)
	w.PutKV("app", map[string]any{"password": "two"})
	p.Says(`child has two`)
	if n := p.Count(`(?m)^child has`); n != 2 {
		t.Errorf("the child was started %d times, want 2", n)
	}
	p.stop()
}

// A stop that arrives while the child is restarted is not a failure of the restart.
func TestSIGTERMWhileTheChildIsRestarted(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + eager + password(`change_mode = "restart"`) +
		child("trap 'echo child was told' TERM; echo child runs; while :; do sleep 0.05; done", `kill_timeout = "2s"`))
	p.Says(`child runs`)
	w.PutKV("app", map[string]any{"password": "two"})
	p.Says(`child was told`)
	p.stop()
	if p.Count(logmsg.ChangeFailed) > 0 || p.Count(logmsg.ChangeDone) > 0 {
		t.Error("the log says that the restart failed, or that it was done")
	}
}

// Whatever certagent waits for, it ends soon when it is told to. A request
// would otherwise take a minute, a back-off five.
func TestStopsWhileItWaits(t *testing.T) {
	const soon = 20 * time.Second
	var met func() int
	hangs := outage{answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}
	for _, c := range []struct {
		name  string
		begin func(w *world)
		text  string
		until func(w *world, p *process)
	}{{
		name:  "for the next login",
		begin: func(w *world) { w.Dev.Seal() },
		text:  strings.ReplaceAll(strings.ReplaceAll(login, "100ms", "5m"), "500ms", "5m") + password(""),
		until: func(_ *world, p *process) { p.Says(logmsg.LoginFailed) },
	}, {
		name:  "for the answer to a login",
		begin: func(w *world) { met = hangs.start(w) },
		text:  login + password(""),
		until: func(w *world, _ *process) { harness.Eventually(w.T, "the request", func() bool { return met() > 0 }) },
	}, {
		name:  "for a command",
		begin: func(w *world) { w.script("reload", "trap '' TERM; echo begun > "+w.Path("begun")+"; sleep 4711") },
		text: login + password(`exec {
			command      = ["DIR/reload"]
			timeout      = "10m"
			kill_timeout = "10m"
		}`),
		until: func(w *world, _ *process) {
			harness.Eventually(w.T, "the command runs", func() bool { return w.Read("begun") != "" })
		},
	}} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			c.begin(w)
			p := w.start(c.text)
			c.until(w, p)
			begun := time.Now()
			p.stop()
			if took := time.Since(begun); took > soon {
				t.Errorf("it took %v", took)
			}
		})
	}
}
