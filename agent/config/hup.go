// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"syscall"

	"github.com/certagent/certagent/agent/config/hclread"
)

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

// HUPReloads says whether certagent reads its configuration again on SIGHUP: it
// does unless every exec block leaves it to its child.
func (c *Config) HUPReloads() bool {
	for _, e := range c.Execs {
		if e.HUP != HUPChild {
			return true
		}
	}
	return len(c.Execs) == 0
}

func (e *Exec) readHUP(s *scope) {
	word := string(HUPAgent)
	readWord(s, "hup", &word, "agent", "child", "both")
	e.HUP = HUP(word)
	if given := s.value("hup"); given.Kind != hclread.Absent && given.Text != word {
		return // it was complained about
	}
	if _, rewritten := e.Signals[syscall.SIGHUP]; rewritten && !e.HUP.ToChild() {
		s.problem(ValidateError, "signals", "SIGHUP has no effect, because it is not handed on", `add hup = "child" or "both"`)
	}
}
