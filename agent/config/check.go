// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Check is a command that may veto a published generation before the change,
// such as nginx -t: with any exit code but 0, or by taking too long. A veto
// brings the previous generation back.
type Check struct {
	Command []string // a program and its arguments; never empty
	Timeout time.Duration
	Pos     Pos
}

func readCheck(s *scope) *Check {
	c := &Check{Timeout: defaultCommandTimeout, Pos: s.pos()}
	c.Command = readCommand(s, "command")
	getPositive(s, "timeout", asDuration, &c.Timeout)
	if v := s.value("command"); v.Kind == hclread.Absent || isEmptyCommand(v) {
		s.problem(LoadError, "command", "is missing", `write for example ["nginx", "-t"]`)
	}
	s.finish(LoadError)
	return c
}

// isEmptyCommand says whether readCommand finds nothing to run, and no mistake.
func isEmptyCommand(v hclread.Value) bool {
	command, err := asListOrCommas(v)
	return err == nil && (len(command) == 0 || len(command) == 1 && command[0] == "")
}
