// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// A value that no environment can hold does not stop the child that runs with the old
// one, nor certagent.
func TestVariableThatNoEnvironmentCanHold(t *testing.T) {
	for name, value := range map[string]string{"NUL": "a\x00b", "too long": strings.Repeat("x", 128<<10)} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			config := login + eager + `
				env_template "PASSWORD" {
				  contents = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
				}
				exec {
				  command       = ["sh", "-c", "echo $PASSWORD >> DIR/started; exec sleep 4711"]
				  restart       = "always"
				  restart_delay = "100ms"
				}`
			refused := `ERR ` + logmsg.RenderFailed + `.*environment variable \\"PASSWORD\\"`
			w.PutKV("app", map[string]any{"password": value})
			p := w.start(config) // from the start on
			p.Says(refused)
			w.PutKV("app", map[string]any{"password": "one"})
			harness.Eventually(t, "the child runs", func() bool { return w.Read("started") == "one\n" })
			refusals := strings.Count(p.String(), logmsg.RenderFailed)
			w.PutKV("app", map[string]any{"password": value})
			p.SaysTimes(refused, refusals+1)
			w.PutKV("app", map[string]any{"password": "two"})
			harness.Eventually(t, "the child was started again", func() bool { return w.Read("started") == "one\ntwo\n" })
			if n := strings.Count(p.String(), logmsg.ChildStopping); n != 1 {
				t.Errorf("the child was stopped %d times, want once", n)
			}
			p.stop()
		})
	}
}

// A child is not stopped for a restart while its program is missing: it is tried again.
func TestRestartWhileTheProgramIsMissing(t *testing.T) {
	w := newWorld(t)
	w.script("server", "echo $$ >> "+w.Path("started")+"; exec sleep 4711")
	p := w.start(login + eager + password(`change_mode = "restart"`) + `exec { command = ["DIR/server"] }`)
	harness.Eventually(t, "the child runs", func() bool { return w.Read("started") != "" })
	w.Check(os.Rename(w.Path("server"), w.Path("moved")))
	w.PutKV("app", map[string]any{"password": "two"})
	p.Says("ERR " + logmsg.ChangeFailed + ".*no such program")
	if strings.Contains(p.String(), logmsg.ChildStopping) {
		t.Error("the child was stopped")
	}
	w.Check(os.Rename(w.Path("moved"), w.Path("server")))
	p.Says(logmsg.ChangeDone)
	harness.Eventually(t, "the child was started again", func() bool { return strings.Count(w.Read("started"), "\n") == 2 })
	p.stop()
}
