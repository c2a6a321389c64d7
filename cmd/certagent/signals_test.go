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

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

func TestSIGINTStops(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password(""))
	p.Says(logmsg.AllPublished)
	p.Signal(syscall.SIGINT)
	p.Says(logmsg.Stopping + ` signal=SIGINT`)
	p.Ends(0)
	p.leavesNothing()
}

// The configuration that is read again is the one that counts: what is new in it
// is published, what is as it was goes on undisturbed, and what is gone is let
// alone.
func TestSIGHUPChangesTheBundles(t *testing.T) {
	w := newWorld(t)
	kept := certificate(once, "") + child(`echo "child $$" >> children; while :; do sleep 0.05; done`, "")
	const block = `
bundle "web" {
  directory = "DIR/web"
  certificate {
    role        = "pki/web"
    common_name = "NAME"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
  change_mode = "command"
  command     = ["sh", "-c", "echo changed >> DIR/changes"]
}
`
	p := w.start(login + kept + password(""))
	p.Says(logmsg.ChildStarted)
	before := w.snapshot(append(published, "password")...)

	w.Write("agent.hcl", w.expand(login+strings.Replace(block, "NAME", "a.test", 1)+kept))
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.ConfigChanged + ` stopped=1 started=1`)
	harness.Eventually(t, "the new bundle's change", func() bool { return w.Read("changes") == "changed\n" })
	w.PutKV("app", map[string]any{"password": "two"})

	w.Write("agent.hcl", w.expand(login+strings.Replace(block, "NAME", "b.test", 1)+kept+`log_level = "debug"`))
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.Reloaded + `.* log_level=debug`)
	harness.Eventually(t, "the changed bundle's change", func() bool { return w.Read("changes") == "changed\nchanged\n" })
	w.Write("agent.hcl", w.expand(login+kept))
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.ConfigChanged + ` stopped=1 started=0`)
	before.same()
	if w.Read("web/tls.crt") == "" {
		t.Error("files of a bundle that is gone were removed")
	}
	p.stop()
	if n := strings.Count(w.Read("children"), "\n"); n != 1 {
		t.Errorf("the child was started %d times", n)
	}
	for path, want := range map[string]int{"/v1/auth/approle/login": 1, "/v1/pki/issue/": 1, "/v1/pki/sign/": 2} {
		if n := w.Asked("", path); n != want {
			t.Errorf("%d requests to %s, want %d", n, path, want)
		}
	}
}

// A configuration with a mistake changes nothing, not even the log level that it
// names; the next one that is right is taken.
func TestSIGHUPWithAMistakeChangesNothing(t *testing.T) {
	w := newWorld(t)
	text := login + eager + password("")
	p := w.start(text)
	p.Says(logmsg.AllPublished)
	w.Write("agent.hcl", w.expand(text)+`log_level = "verbose"`)
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.ReloadRefused + `.*agent.hcl:\d+:\d+: log_level: unknown log level`)
	w.Write("agent.hcl", `log_level = "debug"`+"\ntemplte {")
	p.Signal(syscall.SIGHUP)
	p.SaysTimes(logmsg.ReloadRefused, 2)
	w.PutKV("app", map[string]any{"password": "two"})
	harness.Eventually(t, "the new password", func() bool { return w.Read("password") == "two" })
	if p.Count(` DBG `) > 0 {
		t.Error("there are debug lines at level info")
	}
	w.Write("agent.hcl", w.expand(text)+`log_level = "debug"`)
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.Reloaded + `.* log_level=debug`)
	w.PutKV("app", map[string]any{"password": "three"})
	p.Says(` DBG ` + logmsg.SecretFetched)
	p.stop()
}

// A reload says what it has done: nothing, one line for each mistake, or that the
// configuration is right and something else is in the way.
func TestSIGHUPSaysWhatItHasDone(t *testing.T) {
	w := newWorld(t)
	text := login + password("")
	p := w.start(text)
	p.Says(logmsg.AllPublished)
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.NothingChanged + `\n`)
	p.Says(logmsg.Reloaded)

	w.Write("agent.hcl", w.expand(text)+"log_level = \"verbose\"\nlog_format = \"xml\"\n")
	p.Signal(syscall.SIGHUP)
	p.SaysTimes(logmsg.ReloadRefused, 2)
	p.Says(logmsg.ReloadRefused + ` error="[^"]*agent.hcl:\d+:\d+: log_level: [^"]*"`)
	p.Says(logmsg.ReloadRefused + ` error="[^"]*agent.hcl:\d+:\d+: log_format: [^"]*"`)

	w.Write("other.hcl", w.expand(strings.ReplaceAll(text, "DIR/password", "DIR/theirs")))
	other := launch(t, w.Path(""), nil, "agent", "-config="+w.Path("other.hcl"))
	other.Says(logmsg.AllPublished)
	w.Write("agent.hcl", w.expand(strings.ReplaceAll(text, "DIR/password", "DIR/theirs")))
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.ReloadFailed + `.*theirs`)
	if n := p.Count(logmsg.ReloadRefused); n != 2 {
		t.Errorf("%d lines blame the configuration, want 2", n)
	}
	if p.Count(logmsg.ConfigChanged) > 0 {
		t.Error("the log says that bundles were changed")
	}
	if p.Count(`(?m)^[^2]`) > 0 {
		t.Error("a message has several lines")
	}
	other.Signal(syscall.SIGTERM)
	other.Ends(0)
	p.stop()
}

// Each reason not to start is a line.
func TestStartErrorsAreALineEach(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + strings.ReplaceAll(password(`user = "nobody-of-that-name"`), "DIR/password", "DIR/one") + password(`user = "nobody-of-this-name"`))
	p.Says(` ERR ` + logmsg.ConfigError + ` error="[^"]*agent.hcl:\d+:\d+: [^\n]*nobody-of-that-name`)
	p.Says(` ERR ` + logmsg.ConfigError + ` error="[^"]*agent.hcl:\d+:\d+: [^\n]*nobody-of-this-name`)
	p.Says(logmsg.ExitingOnError + ` error="2 errors in the configuration, or on this host" code=3`)
	p.Ends(3)
}

// Flags count more than files, also in a configuration that is read again.
// (With Vault Agent they do not.)
func TestSIGHUPDoesNotOverruleAFlag(t *testing.T) {
	w := newWorld(t)
	text := login + eager + password("") + "log_level = \"warn\"\n"
	p := w.start(text, "-log-level=debug")
	p.Says(` DBG `)
	p.Says(logmsg.AllPublished)
	p.Signal(syscall.SIGHUP)
	p.Says(logmsg.Reloaded + `.* log_level=debug`)
	p.stop()
}

func TestSignalsThatMeanNothing(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password(""))
	p.Says(logmsg.AllPublished)
	p.Signal(syscall.SIGUSR1)
	p.Says(logmsg.SignalIgnored + ` signal=SIGUSR1`)
	p.Signal(syscall.SIGUSR2)
	p.Says(logmsg.SignalIgnored + ` signal=SIGUSR2`)
	p.stop()
}

// A log whose reader has gone does not end certagent, not even at its start.
func TestReaderOfTheLogIsGone(t *testing.T) {
	w := newWorld(t)
	w.Write("agent.hcl", w.expand(login+eager+password("")))
	gone, stderr, err := os.Pipe()
	w.Check(err)
	w.Check(gone.Close())
	cmd := exec.Command("certagent", "agent", "-config="+w.Path("agent.hcl"), "-log-file="+w.Path("agent.log"))
	cmd.Stderr = stderr
	w.Check(cmd.Start())
	w.Check(stderr.Close())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	harness.Eventually(t, "the first file", func() bool { return w.Read("password") == "one" })
	w.PutKV("app", map[string]any{"password": "two"})
	harness.Eventually(t, "the second", func() bool { return w.Read("password") == "two" })
	w.Check(cmd.Process.Signal(syscall.SIGTERM))
	if err := <-ended; err != nil {
		t.Errorf("certagent ended with %v", err)
	}
	if !strings.Contains(w.Read("agent.log"), logmsg.Exiting) {
		t.Errorf("the log file misses the end:\n%s", w.Read("agent.log"))
	}
}

func TestLogFileThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	p := w.start(login+password(""), "-log-file="+w.Path("nowhere/agent.log"))
	p.Says(`certagent: error: opening log_file: open .*/nowhere/agent.log: no such file or directory\ncertagent: hint: check log_file`)
	p.Ends(3)
}

func TestPIDFileOfTheAgent(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + `pid_file = "DIR/agent.pid"`)
	p.Says(logmsg.AllPublished)
	if got, want := w.Read("agent.pid"), strconv.Itoa(p.PID())+"\n"; got != want {
		t.Errorf("pid_file holds %q, want %q", got, want)
	}
	p.stop()
	if _, err := os.Stat(w.Path("agent.pid")); !os.IsNotExist(err) {
		t.Errorf("pid_file is left: %v", err)
	}

	p = w.start(login + password("") + `pid_file = "DIR/nowhere/agent.pid"`)
	p.Says(`certagent: error: writing pid_file: open .*/nowhere/agent.pid: no such file or directory\ncertagent: hint: check pid_file`)
	p.Ends(3)
}
