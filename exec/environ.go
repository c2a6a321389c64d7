// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"slices"
	"strings"
)

// private are variables that are for certagent only. With the tokens
// a process would have the operator's permissions in Vault; with the others it could
// notify systemd in certagent's name.
var privateVariables = []string{
	"VAULT_TOKEN", "BAO_TOKEN",
	"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
}

// Environ returns the environment for a process: certagent's own without
// VAULT_TOKEN, BAO_TOKEN, NOTIFY_SOCKET, WATCHDOG_PID and WATCHDOG_USEC, and
// the entries ("NAME=value") of extra, which replace those of the same name. An entry
// of extra is never removed, not even VAULT_TOKEN: an env_template may set it.
func Environ(extra []string) []string {
	dropped := slices.Clone(privateVariables)
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
