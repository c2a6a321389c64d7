// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Exec is a program that certagent runs and supervises.
type Exec struct {
	// Name is the block's label: unique, and fit to be part of a file's name. It
	// is empty for the block without a label, of which there is at most one.
	Name    string
	Command []string // a program and its arguments, without a shell
	// StartImmediately (start = "immediately") starts the program at once, with
	// the files that are there. Otherwise (start = "published", the default) it
	// starts once every bundle is published.
	StartImmediately bool
	// Restart says that the program is restarted when a variable of its
	// environment, an env_template, has changed.
	Restart       bool
	RestartPolicy RestartPolicy // when it has ended by itself
	// StopSignal (stop_signal, and restart_stop_signal as Vault Agent calls it)
	// asks the program to end. 0: none, it is killed after KillTimeout.
	StopSignal  syscall.Signal
	KillTimeout time.Duration // after which the program's whole process group is killed
	// Signals is what the program gets in the place of a signal that certagent
	// gets: another one, or nothing if that is 0. SIGTERM and SIGINT end certagent,
	// and with it the program: what stands here for them takes the place of
	// StopSignal then. Nil: every signal is handed on as it is.
	Signals map[syscall.Signal]syscall.Signal
	HUP     HUP
	// Stdout and Stderr are files that the program's output is appended to; empty:
	// certagent's own.
	Stdout, Stderr string
	Pos            Pos
}

func readExec(s *scope) Exec {
	e := Exec{Restart: true, StopSignal: syscall.SIGTERM, KillTimeout: defaultKillTimeout, Pos: s.pos()}
	e.readName(s)
	get(s, "command", asList, &e.Command)
	e.readStart(s)
	e.readRestart(s)
	e.RestartPolicy = readRestartPolicy(s)
	e.readStopSignal(s)
	get(s, "kill_timeout", asDuration, &e.KillTimeout)
	e.Signals = readSignals(s)
	e.readHUP(s)
	get(s, "child_process_stdout", asString, &e.Stdout)
	get(s, "child_process_stderr", asString, &e.Stderr)
	s.finish(LoadError)

	switch {
	case len(e.Command) == 0 && (!s.has("command") || s.value("command").Kind == hclread.List):
		s.problem(ValidateError, "command", "is empty", `write for example ["nginx", "-g", "daemon off;"]`)
	case len(e.Command) > 0 && strings.TrimSpace(e.Command[0]) == "":
		s.problem(StartError, "command", "the program's name is empty", "")
	}
	return e
}

// readName reads the label, which Vault Agent ignores.
func (e *Exec) readName(s *scope) {
	if len(s.labels) > 1 {
		s.problem(Unsupported, "", "has more than one label", `write exec "NAME" { … }`)
	}
	if len(s.labels) > 0 {
		e.Name = s.labels[0]
		s.checkName(Unsupported, e.Name, "an exec block")
	}
}

func (e *Exec) readStart(s *scope) {
	start := "published"
	readWord(s, "start", &start, "published", "immediately")
	e.StartImmediately = start == "immediately"
}

func (e *Exec) readRestart(s *scope) {
	restart := "always"
	if !get(s, "restart_on_secret_changes", asString, &restart) {
		return
	}
	switch restart {
	case "", "always":
	case "never":
		e.Restart = false
	default:
		s.problem(ValidateError, "restart_on_secret_changes",
			"unknown value "+s.value("restart_on_secret_changes").Describe(), `write "always" or "never"`)
	}
}

func (e *Exec) readStopSignal(s *scope) {
	theirs := get(s, "restart_stop_signal", asSignal, &e.StopSignal)
	signal := e.StopSignal
	if ours := get(s, "stop_signal", asAnySignal, &e.StopSignal); ours && theirs && e.StopSignal != signal {
		s.problem(ValidateError, "stop_signal", "is another one than restart_stop_signal, which means the same", "keep one of them")
	}
}
