// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// readCommand reads a command as Vault Agent does and returns the arguments to
// run. A string is split at its commas, which nobody expects; what is then one
// argument with white space in it goes to a shell.
func readCommand(s *scope, name string) []string {
	var command []string
	if !get(s, name, asCommaList, &command) {
		return nil
	}
	v := s.value(name)
	if v.Kind == hclread.String && len(command) > 1 {
		s.problem(Warning, name,
			fmt.Sprintf("the string is split at its commas into %d arguments, and runs without a shell", len(command)),
			shellHint(v))
	}
	if len(command) == 0 || len(command) == 1 && command[0] == "" {
		return nil
	}
	if strings.TrimSpace(command[0]) == "" {
		s.problem(StartError, name, "the program's name is empty", "")
		return nil
	}
	if len(command) == 1 && len(strings.Fields(command[0])) > 1 {
		return []string{"sh", "-c", command[0]}
	}
	return command
}

func shellHint(v hclread.Value) string {
	if v.Computed || len(v.Text) > 60 {
		return `write it as a list: ["sh", "-c", "…"]`
	}
	return `write it as a list: ["sh", "-c", ` + strconv.Quote(v.Text) + `]`
}
