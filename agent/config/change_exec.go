// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"time"
)

// readVaultAgent reads the command of a template as Vault Agent knows it: in
// exec, or else in command and command_timeout.
func (c *Change) readVaultAgent(s *scope) {
	c.Command = readCommand(s, "command")
	s.nanoseconds("command_timeout", &c.Timeout)
	b := s.lastBlock("exec")
	if b == nil {
		return
	}
	if command := readCommand(b, "command"); b.has("command") {
		if s.has("command") {
			s.problem(Warning, "command", "is ignored, because exec has a command", "")
		}
		c.Command = command
	}
	if b.nanoseconds("timeout", &c.Timeout) && s.has("command_timeout") {
		s.problem(Warning, "command_timeout", "is ignored, because exec has a timeout", "")
	}
	b.nanoseconds("kill_timeout", &c.KillTimeout)
	var splay time.Duration
	if b.nanoseconds("splay", &splay) {
		b.problem(Warning, "splay", "has no effect here, nor in Vault Agent", "set splay in the template, beside exec")
	}
	enabled := true
	if get(b, "enabled", asBool, &enabled); !enabled {
		c.Command = nil
	}
	refuseExecKeys(b)
	b.finish(LoadError)
}

// refuseExecKeys names the keys that consul-template has in exec, and that
// Vault Agent refuses although its documentation points there.
func refuseExecKeys(b *scope) {
	for _, name := range []string{"env", "kill_signal", "reload_signal"} {
		b.refuse(name, "unknown key, of consul-template", "")
	}
}

// checkWithoutMode complains about keys that need a change_mode.
func (c *Change) checkWithoutMode(s *scope) {
	if s.has("change_script") {
		s.problem(ValidateError, "change_script", "needs change_mode", `add change_mode = "command"`)
	}
	for _, name := range []string{"change_signal", "pid_file"} {
		if s.has(name) {
			s.problem(ValidateError, name, "needs change_mode", `add change_mode = "signal"`)
		}
	}
	if s.has("change_exec") {
		s.problem(ValidateError, "change_exec", "needs change_mode", `add change_mode = "restart" or "signal"`)
	}
	if c.Mode == Noop && s.has("splay") {
		s.problem(ValidateError, "splay", "needs a change to delay", `add change_mode = "signal", "restart" or "command"`)
	}
}

// checkMode complains about keys that contradict the change_mode.
func (c *Change) checkMode(s *scope) {
	mode := s.value("change_mode").Describe()
	used := map[ChangeMode][]string{
		Signal:  {"change_signal", "pid_file", "change_exec", "splay"},
		Restart: {"change_exec", "splay"},
		Command: {"command", "exec", "change_script", "splay"},
	}[c.Mode]
	for _, name := range []string{"command", "exec", "change_script", "change_signal", "pid_file", "change_exec", "splay"} {
		if s.has(name) && !slices.Contains(used, name) {
			s.problem(ValidateError, name, "contradicts change_mode = "+mode, "remove one of them")
		}
	}
	if c.Mode == Signal && s.has("pid_file") && s.has("change_exec") {
		s.problem(ValidateError, "change_exec", "excludes pid_file", "keep one of them")
	}
	if c.Mode != Command {
		c.Command = nil
	}
	if c.Mode == Command && len(c.Command) == 0 && !s.has("change_script") {
		s.problem(ValidateError, "change_mode", "there is no command to run", `add command = ["PROGRAM", "ARGUMENT"]`)
	}
}
