// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strconv"
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
	get(s, "command", asStringList, &e.Command)
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
		s.problem(ValidateError, "stop_signal", "differs from restart_stop_signal, which means the same", "keep one of them")
	}
}

// readExecs reads Vault Agent's one block without a label, and ours with one
// each.
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

// mergeExecs: the block without a label replaces that of an earlier file, as in
// Vault Agent. Those with labels add up.
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

// checkVariables: a child that does not wait for anything does not wait for the
// variables of its environment either.
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

// HUP says who gets the SIGHUP that is sent to certagent.
type HUP string

// Who gets it. The default is HUPAgent, as in Vault Agent.
const (
	HUPAgent HUP = "agent" // certagent, which reads its configuration again
	HUPChild HUP = "child" // the child
	HUPBoth  HUP = "both"
)

// ToChild says whether it is handed on to the child, as Exec.Signals has it.
func (h HUP) ToChild() bool { return h != HUPAgent }

func (e *Exec) readHUP(s *scope) {
	word := string(HUPAgent)
	readWord(s, "hup", &word, "agent", "child", "both")
	e.HUP = HUP(word)
	if given := s.value("hup"); given.Kind != hclread.Absent && given.Text != word {
		return // it was complained about
	}
	if _, rewritten := e.Signals[syscall.SIGHUP]; rewritten && !e.HUP.ToChild() {
		s.problem(ValidateError, "signals", "SIGHUP has no effect: it is not forwarded to the child", `add hup = "child" or "both"`)
	}
}

// RestartWhen is the kind of end after which a child is started again.
type RestartWhen int

// The kinds. They concern a child that has ended by itself, not one that
// certagent has stopped.
const (
	Never     RestartWhen = iota // certagent ends with the child's exit code, as Vault Agent does
	OnFailure                    // any exit code but 0, a signal, and a restart that failed
	Always
)

var restartWords = []string{Never: "never", OnFailure: "on-failure", Always: "always"}

// String returns the word that restart takes.
func (w RestartWhen) String() string { return restartWords[w] }

// RestartPolicy says what follows when a child has ended by itself. The delays
// are meaningful, and not 0, whatever When is.
type RestartPolicy struct {
	When RestartWhen
	// Delay comes before the first restart. Each further one waits about twice as
	// long as the one before, at most MaxDelay, which is not shorter.
	Delay, MaxDelay time.Duration
	// Reset is how long a child must have lived for the next restart to wait
	// for Delay again.
	Reset time.Duration
}

const (
	// One second is what s6, runit and daemontools wait.
	defaultRestartDelay    = time.Second
	defaultRestartMaxDelay = time.Minute
)

// readRestartPolicy: a delay that is given moves the other one's default out of
// its way. Unless restart_reset is given, it is restart_max_delay. A
// child that lives longer than the longest delay is started no more often than
// one that is made to wait for it, so that there is nothing left to slow down;
// and one that fails once a month comes back at once, which systemd's users miss
// in RestartSteps, whose delays never become shorter again.
func readRestartPolicy(s *scope) RestartPolicy {
	var p RestartPolicy
	word := p.When.String()
	readWord(s, "restart", &word, restartWords...)
	p.When = RestartWhen(slices.Index(restartWords, word))
	p.readDelays(s)
	p.Reset = p.MaxDelay
	getPositive(s, "restart_reset", asDuration, &p.Reset)
	if s.has("restart") && s.value("restart").Text != "never" {
		return p
	}
	for _, name := range []string{"restart_delay", "restart_max_delay", "restart_reset"} {
		if s.has(name) {
			s.problem(ValidateError, name, "has no effect without restarts", `add restart = "on-failure" or "always"`)
		}
	}
	return p
}

func (p *RestartPolicy) readDelays(s *scope) {
	p.Delay, p.MaxDelay = defaultRestartDelay, defaultRestartMaxDelay
	first := getPositive(s, "restart_delay", asDuration, &p.Delay)
	longest := getPositive(s, "restart_max_delay", asDuration, &p.MaxDelay)
	switch {
	case p.Delay <= p.MaxDelay:
	case first && longest:
		s.problem(ValidateError, "restart_max_delay", "is shorter than restart_delay", "the delay grows from restart_delay to restart_max_delay")
	case first:
		p.MaxDelay = p.Delay
	default:
		p.Delay = p.MaxDelay
	}
}
