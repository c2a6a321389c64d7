// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/settings"
)

// Exec is the exec block: a program that certagent runs and supervises.
type Exec struct {
	// Name is the label of the block. It is unique and can be part of a file
	// name. It is empty for the one block that may have no label.
	Name string
	// Command is a program and its arguments. It runs without a shell, unless
	// the shell is the program.
	Command []string
	// StartImmediately (start = "immediately") starts the program at once, with
	// the files that exist. Otherwise (start = "published", the default) it
	// starts after every bundle is published.
	StartImmediately bool
	// Restart restarts the program when a variable of its environment, an
	// env_template, changes.
	Restart       bool
	RestartPolicy settings.Restart // when it exits by itself
	// StopSignal (stop_signal, or restart_stop_signal as in Vault Agent) stops
	// the program. 0 means none: it is killed after KillTimeout.
	StopSignal  syscall.Signal
	KillTimeout time.Duration // after which the whole process group is killed
	// Signals maps a signal that certagent receives to the signal that the
	// program gets instead, or to 0 for none. SIGTERM and SIGINT stop
	// certagent, and with it the program; their entry is used instead of
	// StopSignal then. If Signals is nil, every signal is forwarded unchanged.
	Signals map[syscall.Signal]syscall.Signal
	HUP     HUP
	// Stdout and Stderr are files to which the output of the program is
	// appended; empty: those of certagent.
	Stdout, Stderr string
	Pos            Pos
}

func readExec(s *scope) Exec {
	e := Exec{Restart: true, StopSignal: syscall.SIGTERM, KillTimeout: defaultKillTimeout, Pos: s.pos()}
	e.readName(s)
	get(s, "command", asStringList, &e.Command)
	e.readStart(s)
	e.readRestartOnChange(s)
	e.RestartPolicy = readRestart(s)
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
	case len(e.Command) == 1 && e.Command[0] == "":
		s.problem(StartError, "command", "the program's name is empty", "")
	default:
		e.Command = s.runnable("command", e.Command)
	}
	return e
}

// readName reads the label. Vault Agent ignores it.
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

func (e *Exec) readRestartOnChange(s *scope) {
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
		s.problem(ValidateError, "stop_signal", "differs from restart_stop_signal, which means the same", "keep one of them")
	}
}

// readExecs reads all exec blocks: at most one without a label, as in Vault
// Agent, and any number with a label each.
func readExecs(s *scope) []Exec {
	var all []Exec
	line := 0 // of the block without a label
	for _, b := range s.labelled("exec", "command", "signals") {
		switch e := readExec(b); {
		case e.Name != "" || line == 0:
			all = append(all, e)
			if e.Name == "" {
				line = e.Pos.Line
			}
		default:
			b.problem(LoadError, "", "only one such block without a label is allowed; the first is on line "+strconv.Itoa(line),
				`give each a label: exec "NAME" { … }`)
		}
	}
	return all
}

// mergeExecs merges the exec blocks of two files. The block without a label
// replaces the earlier one, as in Vault Agent; those with labels add up.
func mergeExecs(earlier, later []Exec) []Exec {
	unlabelled := func(e Exec) bool { return e.Name == "" }
	if slices.ContainsFunc(later, unlabelled) {
		earlier = slices.DeleteFunc(slices.Clone(earlier), unlabelled)
	}
	return append(earlier, later...)
}

func (e *Exec) title() string {
	if e.Name == "" {
		return "exec"
	}
	return "exec " + strconv.Quote(e.Name)
}

func (v validator) checkExecs() {
	first := map[string]Pos{}
	for _, e := range v.execs {
		if earlier, seen := first[e.Name]; seen {
			v.problem(ValidateError, e.Pos, e.title(), "", "the name is already used by the block at "+earlier.String(), "choose another name")
		}
		first[e.Name] = e.Pos
		if v.countRendered() == 0 {
			v.problem(ValidateError, e.Pos, e.title(), "", "needs a template or an env_template", "")
		}
		v.checkVariables(e)
	}
}

// checkVariables reports a child that starts before the variables of its
// environment are rendered.
func (v validator) checkVariables(e Exec) {
	switch {
	case !e.StartImmediately || len(v.envTemplates) == 0:
	case e.Restart:
		v.problem(Warning, e.Pos, e.title(), "start", "the child starts without the variables of env_template and restarts when they are rendered", "")
	default:
		v.problem(ValidateError, e.Pos, e.title(), "start", "the child would never get the variables of env_template",
			`remove restart_on_secret_changes, or write start = "published"`)
	}
}

// HUP is what a SIGHUP to certagent does: reload certagent, go to the child, or
// both.
type HUP string

// The values of hup. The default is HUPAgent, as in Vault Agent.
const (
	HUPAgent HUP = "agent" // certagent reloads its configuration
	HUPChild HUP = "child" // the child gets it
	HUPBoth  HUP = "both"
)

// ToChild reports whether SIGHUP is forwarded to the child, as Exec.Signals
// maps it.
func (h HUP) ToChild() bool { return h != HUPAgent }

func (e *Exec) readHUP(s *scope) {
	word := string(HUPAgent)
	readWord(s, "hup", &word, "agent", "child", "both")
	e.HUP = HUP(word)
	if given := s.value("hup"); given.Kind != hclread.Absent && given.Text != word {
		return // already reported
	}
	if _, rewritten := e.Signals[syscall.SIGHUP]; rewritten && !e.HUP.ToChild() {
		s.problem(ValidateError, "signals", "SIGHUP has no effect: it is not forwarded to the child", `add hup = "child" or "both"`)
	}
}

// readRestart reads the restart keys. All settings are filled in.
func readRestart(s *scope) settings.Restart {
	var r settings.Restart
	words := settings.RestartWords()
	word := r.When.String()
	readWord(s, "restart", &word, words...)
	r.When = settings.RestartWhen(slices.Index(words, word))
	first := getPositive(s, "restart_delay", asDuration, &r.Delay)
	longest := getPositive(s, "restart_max_delay", asDuration, &r.MaxDelay)
	if first && longest && r.Delay > r.MaxDelay {
		s.problem(ValidateError, "restart_max_delay", "is shorter than restart_delay", "the delay grows from restart_delay to restart_max_delay")
	}
	getPositive(s, "restart_reset", asDuration, &r.Reset)
	if s.has("restart") && s.value("restart").Text != "never" {
		return r.WithDefaults()
	}
	for _, name := range []string{"restart_delay", "restart_max_delay", "restart_reset"} {
		if s.has(name) {
			s.problem(ValidateError, name, "has no effect without restarts", `add restart = "on-failure" or "always"`)
		}
	}
	return r.WithDefaults()
}
