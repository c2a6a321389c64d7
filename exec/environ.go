// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"slices"
	"strings"
)

// privateVariables are for certagent only. With the tokens a process would have the
// operator's permissions in Vault; headers and pass codes are credentials of a proxy and
// of an operator; the directory of credentials has what certagent logs in with; with the
// others a process could notify systemd in certagent's name.
var privateVariables = []string{
	"VAULT_TOKEN", "BAO_TOKEN",
	"VAULT_HEADERS", "BAO_HEADERS", "VAULT_MFA", "BAO_MFA",
	"CREDENTIALS_DIRECTORY",
	"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
}

// proxyVariables are private if their value has a password.
var proxyVariables = []string{"VAULT_PROXY_ADDR", "BAO_PROXY_ADDR", "VAULT_HTTP_PROXY", "BAO_HTTP_PROXY"}

// private reports whether a variable is not handed to other processes.
func private(name, value string) bool {
	return slices.Contains(privateVariables, name) || slices.Contains(proxyVariables, name) && strings.Contains(value, "@")
}

// Environ returns the environment for a process: certagent's own without its private
// variables, and the entries ("NAME=value") of extra, which replace those of the same name. An entry
// of extra is never removed, not even VAULT_TOKEN: an env_template may set it.
func Environ(extra []string) []string {
	var replaced []string
	for _, entry := range extra {
		name, _, _ := strings.Cut(entry, "=")
		replaced = append(replaced, name)
	}
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return private(name, value) || slices.Contains(replaced, name)
	})
	return append(env, extra...)
}
