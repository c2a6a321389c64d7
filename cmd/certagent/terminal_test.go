// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

const ctrlC = "\x03"

// terminal is a pseudo-terminal that certagent runs on: what it prints goes to
// the process's transcript.
type terminal struct {
	*process
	keyboard *os.File
}

// startOnTerminal runs certagent as the leader of a session on a terminal.
func (w *world) startOnTerminal(text string) *terminal {
	w.Helper()
	return w.startOnTerminalOf(0, "", text)
}

// startOnTerminalOf does so on a terminal with a width, 0 for one that does not
// report its own, and with these variables.
func (w *world) startOnTerminalOf(width uint16, env, text string) *terminal {
	w.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		harness.Missing(w.T, "there are no pseudo-terminals here: %v", err)
	}
	number := 0
	w.control(keyboard, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
			return err
		}
		number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	path := "/dev/pts/" + strconv.Itoa(number)
	line, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0) // lest reading ends before certagent has opened it
	w.Check(err)
	// Opening a terminal makes it that of a session that has none.
	p := w.startUnder([]string{"setsid", "sh", "-c", `exec env ` + env + ` "$@" <>` + path + ` >&0 2>&1`, "sh"}, text)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := keyboard.Read(buf)
			_, _ = p.Write(bytes.ReplaceAll(buf[:n], []byte("\r"), nil)) // cannot fail
			if err != nil {
				return
			}
		}
	}()
	w.Cleanup(func() { // before the process prints its transcript
		_ = p.Cmd.Process.Kill()
		<-p.Ended()
		line.Close()
		keyboard.Close()
		<-read
	})
	return &terminal{process: p, keyboard: keyboard}
}

func (w *world) control(f *os.File, do func(fd int) error) {
	w.Helper()
	conn, err := f.SyscallConn()
	w.Check(err)
	var failed error
	w.Check(conn.Control(func(fd uintptr) { failed = do(int(fd)) }))
	w.Check(failed)
}

func (t *terminal) types(text string) {
	t.Helper()
	if _, err := t.keyboard.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// The log has the terminal's form, in its width, with colours unless the
// environment refuses them.
func TestLogOnATerminal(t *testing.T) {
	for _, c := range []struct {
		name, colour, refusal string
		width                 uint16
		want                  string
	}{
		{"80 columns", faint, "", 0, `published bundle=…\S*/password`},
		{"400 columns", faint, "", 400, `published bundle=/\S*/password`},
		{"NO_COLOR", "", "NO_COLOR=1", 0, `^\d\d:\d\d:\d\d INF published bundle=…\S*/password generation=1 files=1`},
		{"TERM=dumb", "", "TERM=dumb", 0, `^\d\d:\d\d:\d\d INF published bundle=…\S*/password generation=1 files=1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.startOnTerminalOf(c.width, "TERM=xterm NO_COLOR= "+c.refusal, login+password("")+"log_file = \"DIR/agent.log\"\n")
			p.Says(logmsg.AllPublished)
			p.stop()
			plain := uncoloured.Replace(p.String())
			if coloured := p.String() != plain; coloured != (c.colour != "") {
				t.Errorf("coloured is %t:\n%q", coloured, p.String())
			}
			if !regexp.MustCompile("(?m)" + c.want).MatchString(plain) {
				t.Errorf("no line has %s:\n%s", c.want, plain)
			}
			if !regexp.MustCompile(`(?m) logged in method=approle expires in \d+\w`).MatchString(plain) {
				t.Errorf("no relative time:\n%s", plain)
			}
			file := w.Read("agent.log")
			if !regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\dT\S+ INF published bundle="?/\S*/password"? generation=1 files=1`).MatchString(file) || uncoloured.Replace(file) != file {
				t.Errorf("log_file lacks the complete lines:\n%q", file)
			}
		})
	}
}

func TestChildHasTheTerminal(t *testing.T) {
	w := newWorld(t)
	p := w.startOnTerminal(login + password("") + child(`echo "child $$"; read line; echo "read $line"; exit 6`, ""))
	pid := p.number("child")
	var foreground int
	w.control(p.keyboard, func(fd int) (err error) {
		foreground, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	if foreground != pid {
		t.Errorf("group %d is in the foreground, not the child's, %d", foreground, pid)
	}
	p.types("4711\n")
	p.number("read")
	p.Ends(6)
	p.leavesNothing()
}

// Whoever sits there wants an end, whatever the policy.
func TestCtrlC(t *testing.T) {
	for _, restart := range []string{"never", "always"} {
		t.Run(restart, func(t *testing.T) {
			w := newWorld(t)
			p := w.startOnTerminal(login + password("") + child("echo child runs; exec sleep 1000", `restart = "`+restart+`"`))
			p.Says(`child runs`)
			p.types(ctrlC)
			p.Ends(128 + int(syscall.SIGINT))
			p.leavesNothing()
		})
	}
}

// Several children cannot share a terminal: certagent keeps it.
func TestCtrlCWithSeveralChildren(t *testing.T) {
	w := newWorld(t)
	p := w.startOnTerminal(login + password("") + named("one", "echo one runs; exec sleep 1000", "") + named("two", "echo two runs; exec sleep 1000", ""))
	p.Says(`one runs`)
	p.Says(`two runs`)
	p.types(ctrlC)
	p.Says(logmsg.Stopping + ` .*SIGINT`)
	p.Ends(0)
	p.leavesNothing()
}

// Standard input, output and error are the child's as they are certagent's: the
// same files, at the same place, with nothing in between.
func TestFilesAreHandedToTheChild(t *testing.T) {
	w := newWorld(t)
	w.Write("in", "first\nsecond\n")
	redirected := w.expand(`exec "$@" <DIR/in >DIR/out 2>DIR/err`)
	p := w.startUnder([]string{"sh", "-c", redirected, "sh"}, login+password("")+
		child(`files=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); cat; printf "no end of line"; printf "\000\377" >&2; echo "$files" > DIR/files`, ""),
		"-log-level=error") // lest the log is in it
	p.Ends(0)
	for name, want := range map[string]string{
		"files": w.expand("DIR/in\nDIR/out\nDIR/err\n"),
		"out":   "first\nsecond\nno end of line",
		"err":   "\x00\xff",
	} {
		if got := w.Read(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestChildOfACertagentWithoutStdin(t *testing.T) {
	w := newWorld(t)
	p := w.startUnder([]string{"sh", "-c", `exec "$@" <&-`, "sh"}, login+password("")+child("cat; exit 4", ""))
	p.Ends(4)
}

// A terminal that somebody has stopped with ^S delays neither a renewal nor the end.
func TestStoppedTerminal(t *testing.T) {
	w := newWorld(t)
	p := w.startOnTerminalOf(0, "CERTAGENT_TEST_LOG_QUEUE=16384", login+eager+password(""))
	p.Says(logmsg.AllPublished)
	p.types("\x13")
	for _, value := range []string{"two", "three"} {
		w.PutKV("app", map[string]any{"password": value})
		harness.Eventually(t, "the next password", func() bool { return w.Read("password") == value })
	}
	p.Signal(syscall.SIGTERM)
	p.Ends(0)
}
