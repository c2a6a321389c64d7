// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/exec"
)

// reaction is a configured change, with its identity and its spacing.
type reaction struct {
	*config.Change
	key         string        // identifies what the change does; "" for nothing
	debounce    time.Duration // how long it waits for the same change of other bundles
	minInterval time.Duration // between the beginnings of two runs
}

func newReaction(c *config.Change) *reaction { return &reaction{Change: c, key: changeKey(c)} }

// due draws the time at which the change runs for a generation published now.
func (r *reaction) due(now time.Time) time.Time {
	return now.Add(r.debounce + time.Duration(rand.Float64()*float64(r.Splay)))
}

// targetsChild reports whether the change signals or restarts a child.
func (r *reaction) targetsChild() bool {
	return r.Mode == config.Restart || r.Mode == config.Signal && r.PIDFile == ""
}

// String returns the change as the log and validate show it, without what may be
// secret.
func (r *reaction) String() string {
	switch r.Mode {
	case config.Signal:
		target := ChildName(r.Exec)
		if r.PIDFile != "" {
			target = r.PIDFile
		}
		return exec.SignalName(r.Signal) + " to " + target
	case config.Restart:
		return "restart of " + ChildName(r.Exec)
	case config.Command:
		return "command " + cut(exec.CommandLine(r.Command), mostOfCommand)
	}
	return "nothing"
}

// mostOfCommand is how many characters of a command are shown.
const mostOfCommand = 60

// cut returns at most the first n characters of a text.
func cut(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// changeKey returns the key of a change. Commands with equal arguments are one, whatever
// their time-outs; see shareCommands.
func changeKey(c *config.Change) string {
	switch c.Mode {
	case config.Signal:
		return plan.ChangeKey("signal", c.PIDFile, c.Exec, strconv.Itoa(int(c.Signal)))
	case config.Restart:
		return plan.ChangeKey("restart", c.Exec)
	case config.Command:
		return plan.ChangeKey(append([]string{"command"}, c.Command...)...)
	}
	return ""
}

// ChildName returns what messages call the child of an exec block.
func ChildName(name string) string {
	switch name {
	case "":
		return "the child"
	case EveryChild:
		return "the children whose variables changed"
	}
	return "the child " + name
}
