// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"syscall"
	"time"
)

// Exec is the program that certagent runs and supervises.
type Exec struct {
	Command []string // a program and its arguments, without a shell
	// Restart says that the program is restarted when a variable of its
	// environment, an env_template, has changed.
	Restart        bool
	StopSignal     syscall.Signal // 0: none, the program is killed after KillTimeout
	KillTimeout    time.Duration
	Stdout, Stderr string // files that the program's output is appended to; empty: certagent's own
	Pos            Pos
}

func readExec(s *scope) *Exec {
	e := &Exec{Restart: true, StopSignal: syscall.SIGTERM, KillTimeout: defaultKillTimeout, Pos: s.pos()}
	get(s, "command", asList, &e.Command)
	get(s, "restart_stop_signal", asSignal, &e.StopSignal)
	get(s, "kill_timeout", asDuration, &e.KillTimeout)
	get(s, "child_process_stdout", asString, &e.Stdout)
	get(s, "child_process_stderr", asString, &e.Stderr)
	e.readRestart(s)
	s.finish(LoadError)

	switch {
	case len(e.Command) == 0 && (!s.has("command") || s.value("command").kind == list):
		s.problem(ValidateError, "command", "is empty", `write for example ["nginx", "-g", "daemon off;"]`)
	case len(e.Command) > 0 && strings.TrimSpace(e.Command[0]) == "":
		s.problem(StartError, "command", "the program's name is empty", "")
	}
	return e
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
			"unknown value "+s.value("restart_on_secret_changes").show(), `write "always" or "never"`)
	}
}
