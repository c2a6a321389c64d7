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

// readVaultAgent reads the command of a template as Vault Agent knows it: in
// exec, or else in command and command_timeout.
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

// refuseExecKeys names the keys that consul-template has in exec, and that
// Vault Agent refuses although its documentation points there.
func refuseExecKeys(b *scope) {
	for _, name := range []string{"env", "kill_signal", "reload_signal"} {
		b.refuse(name, "unknown key (from consul-template)", "")
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
		s.problem(ValidateError, "splay", "has no effect without a change", `add change_mode = "signal", "restart" or "command"`)
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

// readTarget reads which process a change is about.
func (c *Change) readTarget(s *scope) {
	get(s, "pid_file", asString, &c.PIDFile)
	if get(s, "change_exec", asString, &c.Exec) && c.Exec == "" {
		s.problem(LoadError, "change_exec", "is empty", "remove it if there is only one exec block")
	}
	if s.has("change_exec") {
		c.ExecPos = s.posOf("change_exec")
	}
}

// targetsChild says whether the change is one of a child.
func (c *Change) targetsChild() bool {
	return c.Mode == Restart || c.Mode == Signal && c.PIDFile == ""
}

// changes are all changes, with the titles of their blocks.
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

// nameTargets names the only exec block in the changes that are about its child.
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

// checkTargets: a change that concerns a child needs one, and of several it must
// say which.
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
	if near := nearest(c.Exec, names); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	v.problem(ValidateError, c.ExecPos, block, "change_exec", "there is no exec block "+strconv.Quote(c.Exec), hint)
}

// namesHint lists the names that there are, after what to do with one. The block
// without a label has none.
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
