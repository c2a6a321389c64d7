// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// ChangeMode is the kind of reaction to changed files.
type ChangeMode int

// The modes of change_mode.
const (
	Noop    ChangeMode = iota // no reaction
	Signal                    // send a signal to a process
	Restart                   // restart a child
	Command                   // run a command
)

var changeModes = map[string]ChangeMode{
	"noop": Noop, "signal": Signal, "restart": Restart, "command": Command,
	"script": Command, // Nomad's word
}

// String returns the value of change_mode.
func (m ChangeMode) String() string {
	return [...]string{"noop", "signal", "restart", "command"}[m]
}

// Change is the reaction to a change of a template's or bundle's files.
type Change struct {
	Mode    ChangeMode
	NoneSet bool           // change_mode = "noop" is set: no reaction is what is wanted
	Signal  syscall.Signal // not 0 if Mode is Signal
	PIDFile string         // of the process to signal; empty: the child that Exec names
	// Exec is the name of the exec block whose child is restarted or signalled.
	// The block exists unless there is another target. Its name may be empty.
	Exec string
	// Command is the program and its arguments for Command. It runs without a
	// shell, unless the shell is the program. It is empty only for other modes.
	Command     []string
	Timeout     time.Duration // after which the command gets SIGTERM
	KillTimeout time.Duration // after which it gets SIGKILL
	Splay       time.Duration // upper limit of a random delay before the change
	FailOnError bool          // exit if the command fails
	Pos         Pos           // of change_mode, or of the block without it
	ExecPos     Pos           // of change_exec; zero if it is not set
}

const (
	defaultCommandTimeout = 30 * time.Second
	defaultScriptTimeout  = 5 * time.Second // Nomad's
	defaultKillTimeout    = 30 * time.Second
)

// readChange reads a change: Vault Agent's command, command_timeout and exec;
// Nomad's change_mode, change_signal, change_script and splay; and pid_file and
// change_exec, which only certagent has. Without change_mode the command runs
// if there is one, as in Vault Agent.
func readChange(s *scope) Change {
	c := Change{Pos: s.pos(), Timeout: defaultCommandTimeout, KillTimeout: defaultKillTimeout}
	c.readVaultAgentCommand(s)
	if len(c.Command) > 0 {
		c.Mode = Command
	}
	c.readScript(s)
	get(s, "splay", asDuration, &c.Splay)
	c.readTarget(s)
	if get(s, "change_signal", asSignal, &c.Signal) && c.Signal == 0 {
		s.problem(ValidateError, "change_signal", "is not a signal", `write its name, such as "SIGHUP"`)
	}

	valid := get(s, "change_mode", asChangeMode, &c.Mode)
	c.NoneSet = valid && c.Mode == Noop
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
		return Noop, &valueError{"unknown value " + v.Describe(), `write "noop", "signal", "restart" or "command"`}
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
	get(b, "args", asStringList, &args)
	get(b, "timeout", asDuration, &c.Timeout)
	get(b, "fail_on_error", asBool, &c.FailOnError)
	b.finish(LoadError)
	if strings.TrimSpace(program) == "" {
		b.problem(ValidateError, "command", "is missing", "write the program to run")
		return
	}
	if len(c.Command) > 0 {
		b.problem(ValidateError, "", "cannot be combined with command", "keep one of them")
		return
	}
	c.Command = append([]string{program}, args...)
}

// readVaultAgentCommand reads the command as Vault Agent does: from exec, or
// else from command and command_timeout.
func (c *Change) readVaultAgentCommand(s *scope) {
	c.Command = readCommand(s, "command")
	getNanoseconds(s, "command_timeout", &c.Timeout)
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
	if getNanoseconds(b, "timeout", &c.Timeout) && s.has("command_timeout") {
		s.problem(Warning, "command_timeout", "is ignored, because exec has a timeout", "")
	}
	getNanoseconds(b, "kill_timeout", &c.KillTimeout)
	var splay time.Duration
	if getNanoseconds(b, "splay", &splay) {
		b.problem(Warning, "splay", "has no effect in exec, as in Vault Agent", "set splay in the template, next to exec")
	}
	enabled := true
	if get(b, "enabled", asBool, &enabled); !enabled {
		c.Command = nil
	}
	refuseExecKeys(b)
	b.finish(LoadError)
}

// refuseExecKeys reports the keys that consul-template has in exec. Vault Agent
// refuses them, although its documentation refers to them.
func refuseExecKeys(b *scope) {
	for _, name := range []string{"env", "kill_signal", "reload_signal"} {
		b.refuse(name, "unknown key (from consul-template)", "")
	}
}

// checkWithoutMode reports keys that have no meaning without change_mode.
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
		s.problem(ValidateError, "splay", "has no effect without a change", `add change_mode = "signal", "restart" or "command"`)
	}
}

// checkMode reports keys that do not go with the change_mode.
func (c *Change) checkMode(s *scope) {
	mode := s.value("change_mode").Describe()
	used := map[ChangeMode][]string{
		Signal:  {"change_signal", "pid_file", "change_exec", "splay"},
		Restart: {"change_exec", "splay"},
		Command: {"command", "exec", "change_script", "splay"},
	}[c.Mode]
	for _, name := range []string{"command", "exec", "change_script", "change_signal", "pid_file", "change_exec", "splay"} {
		if s.has(name) && !slices.Contains(used, name) {
			s.problem(ValidateError, name, "cannot be combined with change_mode = "+mode, "remove one of them")
		}
	}
	if c.Mode == Signal && s.has("pid_file") && s.has("change_exec") {
		s.problem(ValidateError, "change_exec", "cannot be combined with pid_file", "keep one of them")
	}
	if c.Mode != Command {
		c.Command = nil
	}
	if c.Mode == Command && len(c.Command) == 0 && !s.has("change_script") {
		s.problem(ValidateError, "change_mode", "there is no command to run", `add command = ["PROGRAM", "ARGUMENT"]`)
	}
}

// readTarget reads which process is signalled or restarted.
func (c *Change) readTarget(s *scope) {
	get(s, "pid_file", asString, &c.PIDFile)
	if get(s, "change_exec", asString, &c.Exec) && c.Exec == "" {
		s.problem(LoadError, "change_exec", "is empty", "remove it if there is only one exec block")
	}
	if s.has("change_exec") {
		c.ExecPos = s.posOf("change_exec")
	}
}

// IsMissing reports whether there is no change, and change_mode does not say so.
func (c *Change) IsMissing() bool { return c.Mode == Noop && !c.NoneSet }

// targetsChild reports whether the change restarts or signals a child.
func (c *Change) targetsChild() bool {
	return c.Mode == Restart || c.Mode == Signal && c.PIDFile == ""
}

// changes yields all changes, each with the title of its block.
func (d *document) changes() iter.Seq2[string, *Change] {
	return func(yield func(string, *Change) bool) {
		for i := range d.templates {
			if !yield("template", &d.templates[i].Change) {
				return
			}
		}
		for i := range d.bundles {
			b := &d.bundles[i]
			if !yield(b.title(), &b.Change) {
				return
			}
			if b.Verify != nil && b.Verify.Fallback != nil && !yield(b.title()+": verify: fallback", b.Verify.Fallback) {
				return
			}
		}
	}
}

// setDefaultExec sets the name of the only exec block in the changes that
// target its child.
func (d *document) setDefaultExec() {
	if len(d.execs) != 1 {
		return
	}
	for _, c := range d.changes() {
		if c.targetsChild() {
			c.Exec = d.execs[0].Name
		}
	}
}

// checkTargets checks that the child that a change targets exists, and that the
// change names one if there are several.
func (v validator) checkTargets() {
	for block, c := range v.changes() {
		named := c.ExecPos != Pos{}
		switch {
		case !c.targetsChild():
		case len(v.execs) == 0 && c.Mode == Restart:
			v.problem(ValidateError, c.Pos, block, "change_mode", "there is no child to restart", "add an exec block")
		case len(v.execs) == 0:
			v.problem(ValidateError, c.Pos, block, "change_mode", "there is no process to signal", "add pid_file, or an exec block")
		case named && c.Exec != "":
			v.checkExecName(block, c)
		case !named && len(v.execs) > 1:
			v.problem(ValidateError, c.Pos, block, "change_mode", "needs change_exec, because there are several exec blocks",
				v.namesHint("add change_exec = "))
		}
	}
}

func (v validator) checkExecName(block string, c *Change) {
	var names []string
	for _, e := range v.execs {
		if e.Name == c.Exec {
			return
		}
		names = append(names, e.Name)
	}
	hint := v.namesHint("write ")
	if near := nearestName(c.Exec, names); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	v.problem(ValidateError, c.ExecPos, block, "change_exec", "there is no exec block "+strconv.Quote(c.Exec), hint)
}

// namesHint returns a hint: what to do, followed by the names of the exec
// blocks.
func (v validator) namesHint(do string) string {
	var names []string
	for _, e := range v.execs {
		if e.Name != "" {
			names = append(names, e.Name)
		}
	}
	switch {
	case len(names) == len(v.execs):
		return do + eitherOf(names)
	case len(names) == 0:
		return "remove it: there is one exec block, without a label"
	}
	return do + eitherOf(names) + ", or add a label to the exec block that has none"
}

// isNoop reports whether the block asks for no change, as opposed to asking for
// one in a way that is a mistake.
func isNoop(s *scope, c Change) bool {
	return c.Mode == Noop && (!s.has("change_mode") || s.value("change_mode").Text == "noop")
}
