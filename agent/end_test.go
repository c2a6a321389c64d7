// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// hanging is a log that makes whoever logs a message hang, until release is closed:
// nothing can interrupt it.
type hanging struct {
	slog.Handler
	message string
	begun   chan struct{} // receives when somebody hangs
	release chan struct{}
}

func hang(t *testing.T, message string) *hanging {
	h := &hanging{message: message, begun: make(chan struct{}, 100), release: make(chan struct{})}
	t.Cleanup(func() {
		if !isClosed(h.release) {
			close(h.release)
		}
	})
	return h
}

// in makes an agent's log hang.
func (h *hanging) in(a *agent.Agent) {
	h.Handler = a.Logger.Handler()
	a.Logger = slog.New(h)
}

func (h *hanging) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.Handler = h.Handler.WithAttrs(attrs)
	return &with
}

func (h *hanging) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == h.message {
		h.begun <- struct{}{}
		<-h.release
	}
	return h.Handler.Handle(ctx, r)
}

// trapping is a child that notes its stop signal, and takes its time to end.
const trapping = `
exec {
  command      = ["/bin/sh", "-c", "trap 'echo >> DIR/stopping; sleep 0.3; echo >> DIR/stopped; exit CODE' TERM; echo >> DIR/started; while :; do sleep 0.02; done"]
  start        = "immediately"
  kill_timeout = "20s"
}
`

// Whatever hangs, the children get their stop signal and their time, and the agent
// leaves what hangs behind, and says what that is.
func TestEndWhileABundleHangs(t *testing.T) {
	for _, code := range []int{0, 42} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			w := newWorld(t)
			h := hang(t, logmsg.Published)
			r := w.start(loginBlocks+named("a", "a.test")+strings.ReplaceAll(trapping, "CODE", fmt.Sprint(code)), h.in)
			<-h.begun
			w.Eventually("the child", func() bool { return w.Read("started") != "" })
			begun := time.Now()
			r.stop()
			<-r.ended
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("the end took %v", took)
			}
			if w.Read("stopped") == "" {
				t.Error("the child did not get the time to stop")
			}
			var exit *agent.ChildExit
			if errors.As(r.err, &exit); exit != nil && exit.Code != code || exit == nil && (code != 0 || r.err != nil) {
				t.Errorf("Run returned %v, want exit code %d", r.err, code)
			}
			r.Says(logmsg.EndForced + `.*bundle \\"a\\"`)
			close(h.release)
		})
	}
}

// A second signal ends the agent at once, whatever hangs and however much time the
// child has.
func TestHurryWhileABundleHangs(t *testing.T) {
	w := newWorld(t)
	h, hurry := hang(t, logmsg.Published), make(chan struct{})
	r := w.start(loginBlocks+named("a", "a.test")+`
exec {
  command      = ["/bin/sh", "-c", "trap 'echo >> DIR/stopping' TERM; echo >> DIR/started; while :; do sleep 0.02; done"]
  start        = "immediately"
  kill_timeout = "10m"
}`, h.in, func(a *agent.Agent) { a.Hurry = hurry })
	<-h.begun
	w.Eventually("the child", func() bool { return w.Read("started") != "" })
	r.stop()
	w.Eventually("the stop signal", func() bool { return w.Read("stopping") != "" })
	begun := time.Now()
	close(hurry)
	<-r.ended
	if took := time.Since(begun); took > 4*time.Second { // of which the child may take half
		t.Errorf("the end took %v", took)
	}
	if r.err != nil {
		t.Errorf("Run returned %v", r.err)
	}
	close(h.release)
}

// A start that hangs does not keep the agent from ending: nothing runs yet.
func TestEndWhileTheStartHangs(t *testing.T) {
	w := newWorld(t)
	h := hang(t, logmsg.ConfigWarning)
	r := w.start(strings.Replace(loginBlocks, "DIR/secretid", "DIR/nowhere", 1)+named("a", "a.test")+strings.ReplaceAll(trapping, "CODE", "0"), h.in)
	<-h.begun
	r.stop()
	<-r.ended
	if r.err != nil {
		t.Errorf("Run returned %v", r.err)
	}
	r.Says(logmsg.EndForced + `.*the start`)
	close(h.release)
	harness.AwaitClosed(t, w.Path("*.lock"))
	if w.Read("started") != "" {
		t.Error("a child was started after the end")
	}
}

// The code with which a child ends when it is told to is handed on, unless it is that
// of a signal that certagent sent.
func TestChildsCodeAfterItsStopSignal(t *testing.T) {
	for _, c := range []struct {
		name, script, keys string
		code               int
	}{
		{"success", "trap 'exit 0' TERM", "", 0},
		{"its own code", "trap 'exit 42' TERM", "", 42},
		{"the signal", ":", "", 0},
		{"the signal's code", "trap 'exit 143' TERM", "", 0},
		{"another signal's code", "trap 'exit 129' TERM", "", 129},
		{"another signal", "trap 'kill -9 $$' HUP; trap 'trap - ABRT; kill -ABRT $$' TERM", "", 134},
		{"the stop signal", "trap '' TERM", `stop_signal = "SIGUSR1"`, 0},
		{"the kill", "trap '' TERM", `kill_timeout = "100ms"`, 0},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			r := w.start(loginBlocks + named("a", "a.test") + fmt.Sprintf(`
exec {
  command = ["/bin/sh", "-c", %q]
  %s
}`, c.script+"; echo >> "+w.Path("started")+"; while :; do sleep 0.02; done", c.keys))
			w.Eventually("the child", func() bool { return w.Read("started") != "" })
			err := r.end()
			var exit *agent.ChildExit
			if errors.As(err, &exit); exit == nil && (c.code != 0 || err != nil) || exit != nil && exit.Code != c.code {
				t.Errorf("Run returned %v, want exit code %d", err, c.code)
			}
		})
	}
}

// Of several children, the first one in the configuration that ends with a code of
// its own counts; one that had ended before, and waits to be started again, does not.
func TestCodesOfSeveralChildren(t *testing.T) {
	w := newWorld(t)
	block := `
exec "NAME" {
  command       = ["/bin/sh", "-c", "echo >> DIR/NAME; SCRIPT"]
  restart       = "on-failure"
  restart_delay = "10m"
}`
	text := loginBlocks + named("a", "a.test")
	text += strings.NewReplacer("NAME", "first", "SCRIPT", "exit 5").Replace(block)
	text += strings.NewReplacer("NAME", "second", "SCRIPT", "trap 'exit 42' TERM; while :; do sleep 0.02; done").Replace(block)
	r := w.start(text)
	r.Says(logmsg.ChildRestarts)
	w.Eventually("the second child", func() bool { return w.Read("second") != "" })
	var exit *agent.ChildExit
	if err := r.end(); !errors.As(err, &exit) || exit.Code != 42 {
		t.Errorf("Run returned %v, want exit code 42", err)
	}
}
