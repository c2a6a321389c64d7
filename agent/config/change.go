// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strings"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// ChangeMode is the reaction to a changed file.
type ChangeMode int

// The reactions.
const (
	Noop    ChangeMode = iota // none
	Signal                    // a signal to a process
	Restart                   // a child is restarted
	Command                   // a command is run
)

var changeModes = map[string]ChangeMode{
	"noop": Noop, "signal": Signal, "restart": Restart, "command": Command,
	"script": Command, // Nomad's word
}

// String returns the word that change_mode takes.
func (m ChangeMode) String() string {
	return [...]string{"noop", "signal", "restart", "command"}[m]
}

// Change is what happens when a template has changed.
type Change struct {
	Mode    ChangeMode
	Signal  syscall.Signal // for Signal; never 0 then
	PIDFile string         // of the process to signal; empty: the child of Exec
	// Exec names the exec block of the child to restart or to signal. There is
	// such a block if there is no other target; its name may be empty.
	Exec string
	// Command is what to run for Command: a program and its arguments, without
	// a shell unless it is spelled out. Empty only for other modes.
	Command     []string
	Timeout     time.Duration // after which the command is ended
	KillTimeout time.Duration // after which it is killed
	Splay       time.Duration // a random delay up to this comes first
	FailOnError bool          // a command that fails ends certagent
	Pos         Pos           // of change_mode, or else of the template
	ExecPos     Pos           // of change_exec; the zero value if it is not given
}

const (
	defaultCommandTimeout = 30 * time.Second
	defaultScriptTimeout  = 5 * time.Second // Nomad's
	defaultKillTimeout    = 30 * time.Second
)

// readChange reads Vault Agent's command, command_timeout and exec, Nomad's
// change_mode, change_signal, change_script and splay, and our pid_file and
// change_exec. Without a change_mode a command is run if there is one, as in Vault Agent.
func readChange(s *scope) Change {
	c := Change{Pos: s.pos(), Timeout: defaultCommandTimeout, KillTimeout: defaultKillTimeout}
	c.readVaultAgent(s)
	if len(c.Command) > 0 {
		c.Mode = Command
	}
	c.readScript(s)
	get(s, "splay", asDuration, &c.Splay)
	c.readTarget(s)
	if get(s, "change_signal", asSignal, &c.Signal) && c.Signal == 0 {
		s.problem(ValidateError, "change_signal", "is no signal", `write its name, such as "SIGHUP"`)
	}

	valid := get(s, "change_mode", asChangeMode, &c.Mode)
	if len(s.find("change_mode")) > 0 {
		c.Pos = s.posOf("change_mode")
	}
	switch {
	case valid:
		c.checkMode(s)
	case !s.has("change_mode"):
		c.checkWithoutMode(s)
	}
	if c.Mode == Signal && !s.has("change_signal") {
		c.Signal = syscall.SIGHUP
	}
	return c
}

func asChangeMode(v hclread.Value) (ChangeMode, error) {
	word, err := asString(v)
	if err != nil {
		return Noop, err
	}
	mode, known := changeModes[word]
	if !known {
		return Noop, &mismatch{"unknown value " + v.Describe(), `write "noop", "signal", "restart" or "command"`}
	}
	return mode, nil
}

// readScript reads Nomad's change_script.
func (c *Change) readScript(s *scope) {
	b := s.block("change_script")
	if b == nil {
		return
	}
	var program string
	var args []string
	c.Timeout = defaultScriptTimeout
	get(b, "command", asString, &program)
	get(b, "args", asList, &args)
	get(b, "timeout", asDuration, &c.Timeout)
	get(b, "fail_on_error", asBool, &c.FailOnError)
	b.finish(LoadError)
	if strings.TrimSpace(program) == "" {
		b.problem(ValidateError, "command", "is missing", "say which program is to be run")
		return
	}
	if len(c.Command) > 0 {
		b.problem(ValidateError, "", "there is a command already", "keep one of them")
		return
	}
	c.Command = append([]string{program}, args...)
}
