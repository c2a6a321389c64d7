// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Check is the check block: a command, such as nginx -t, that runs after a
// generation is published and before the change. If it exits with another code
// than 0 or takes too long, the previous generation is restored.
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

// isEmptyCommand reports whether readCommand finds a valid but empty command.
func isEmptyCommand(v hclread.Value) bool {
	command, err := asListOrCommas(v)
	return err == nil && (len(command) == 0 || len(command) == 1 && command[0] == "")
}
