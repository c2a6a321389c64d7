// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"slices"
	"strings"
)

// private are the variables that are meant for certagent alone. With the
// tokens a process could do in Vault all that the operator may; with the
// others it could speak to systemd in certagent's name.
var private = []string{
	"VAULT_TOKEN", "BAO_TOKEN",
	"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
}

// Environ returns the environment for a process: certagent's own without
// VAULT_TOKEN, BAO_TOKEN, NOTIFY_SOCKET, WATCHDOG_PID and WATCHDOG_USEC, and
// then extra, whose entries ("NAME=value") replace those of the same name. What
// extra asks for is kept, a VAULT_TOKEN too: an env_template may name it.
func Environ(extra []string) []string {
	dropped := slices.Clone(private)
	for _, entry := range extra {
		name, _, _ := strings.Cut(entry, "=")
		dropped = append(dropped, name)
	}
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(dropped, name)
	})
	return append(env, extra...)
}
