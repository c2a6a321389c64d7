// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/agent"
)

// counting is an exec block whose child notes its starts, and the signals that it
// gets, in files of its name.
func counting(name, keys string) string {
	return strings.NewReplacer("NAME", name, "KEYS", keys).Replace(`
exec "NAME" {
  command = ["sh", "-c", "for s in HUP USR1 USR2 QUIT WINCH; do trap \"echo $s >> DIR/NAME.signals\" $s; done; echo started >> DIR/NAME.starts; while :; do sleep 0.05; done"]
  kill_timeout = "1s"
  KEYS
}`)
}

func (w *world) starts(name string) int { return strings.Count(w.Read(name+".starts"), "started") }

func TestAChangeNamesItsChild(t *testing.T) {
	w := newWorld(t)
	w.Write("note.tpl", "first")
	r := w.start(loginBlocks + counting("web", "") + counting("api", "") + `
bundle "note" {
  directory = "DIR/note"
  template {
    source      = "DIR/note.tpl"
    destination = "note"
  }
  change_mode = "restart"
  change_exec = "web"
}`)
	w.Eventually("both children", func() bool { return w.starts("web") == 1 && w.starts("api") == 1 })
	w.Write("note.tpl", "second")
	w.Eventually("the restart", func() bool { return w.starts("web") == 2 })
	r.Says(`mode="restart of the child web"`)
	r.end()
	if got := w.starts("api"); got != 1 {
		t.Errorf("the other child was started %d times", got)
	}
}

func TestChildComesBack(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + named("a", "a.test") + `
exec {
  command       = ["sh", "-c", "echo started >> DIR/web.starts; [ $(wc -l < DIR/web.starts) -ge 4 ] && exec sleep 1000; exit 3"]
  restart       = "on-failure"
  restart_delay = "50ms"
}`)
	w.Eventually("four starts", func() bool { return w.starts("web") >= 4 })
	if err := r.end(); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// The first child that ends for good ends the agent and the others with it.
func TestOneChildEndsForGood(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + named("a", "a.test") + counting("web", "") + `
exec "job" {
  command = ["sh", "-c", "while ! test -e DIR/over; do sleep 0.05; done; exit 7"]
  restart = "never"
}`)
	w.Eventually("the other child", func() bool { return w.starts("web") == 1 })
	w.Write("over", "")
	var exit *agent.ChildExit
	if err := r.wait(); !errors.As(err, &exit) || exit.Code != 7 {
		t.Errorf("Run returned %v, want exit code 7", err)
	}
}

func TestChildThatStartsImmediately(t *testing.T) {
	w := newWorld(t)
	w.Dev.Seal()
	r := w.start(loginBlocks + named("a", "a.test") + counting("early", `start = "immediately"`) + counting("late", ""))
	w.Eventually("the early child", func() bool { return w.starts("early") == 1 })
	if w.starts("late") != 0 {
		t.Error("the other child was started before its files were there")
	}
	w.Dev.Unseal()
	w.Eventually("the late child", func() bool { return w.starts("late") == 1 })
	r.end()
}

// A child that ignores its stop signal is killed in the time that whoever runs us
// gives us, whatever its kill_timeout.
func TestStopTimeoutBoundsKillTimeout(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + "stop_timeout = \"2s\"\n" + named("a", "a.test") + `
exec {
  command      = ["sh", "-c", "trap '' TERM; echo started >> DIR/web.starts; while :; do sleep 0.05; done"]
  kill_timeout = "10m"
}`)
	w.Eventually("the child", func() bool { return w.starts("web") == 1 })
	if err := r.end(); err != nil { // it gives up after a minute
		t.Errorf("Run returned %v", err)
	}
}

func TestSignalsAreHandedOn(t *testing.T) {
	w := newWorld(t)
	signals := make(chan os.Signal)
	r := w.start(loginBlocks+named("a", "a.test")+
		counting("plain", "")+
		counting("rewriting", `signals = { SIGUSR1 = "SIGQUIT", SIGUSR2 = "" }
  hup     = "child"`), func(a *agent.Agent) { a.Signals = signals })
	w.Eventually("both children", func() bool { return w.starts("plain") == 1 && w.starts("rewriting") == 1 })
	got := func(name string) string { return strings.Join(strings.Fields(w.Read(name+".signals")), " ") }
	for _, step := range []struct {
		sig              os.Signal
		plain, rewriting string
	}{
		{syscall.SIGUSR1, "USR1", "QUIT"},
		{syscall.SIGUSR2, "USR1 USR2", "QUIT"},
		{syscall.SIGHUP, "USR1 USR2", "QUIT HUP"},
		{syscall.SIGWINCH, "USR1 USR2 WINCH", "QUIT HUP WINCH"},
	} {
		signals <- step.sig
		w.Eventually(step.sig.String(), func() bool { return got("plain") == step.plain && got("rewriting") == step.rewriting })
	}
	r.end()
}
