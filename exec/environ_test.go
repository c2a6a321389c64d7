// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"slices"
	"testing"
)

func TestEnviron(t *testing.T) {
	for _, name := range []string{"VAULT_TOKEN", "BAO_TOKEN", "VAULT_HEADERS", "BAO_HEADERS", "VAULT_MFA", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "COLOUR", "VAULT_ADDR"} {
		t.Setenv(name, "own")
	}
	t.Setenv("VAULT_PROXY_ADDR", "http://user:own@proxy.example.test")
	t.Setenv("VAULT_HTTP_PROXY", "http://proxy.example.test")
	env := Environ([]string{"COLOUR=green=ish", "VAULT_TOKEN=asked for"})
	for _, want := range []string{"COLOUR=green=ish", "VAULT_TOKEN=asked for", "VAULT_ADDR=own", "VAULT_HTTP_PROXY=http://proxy.example.test"} {
		if !slices.Contains(env, want) {
			t.Errorf("lacks %s", want)
		}
	}
	for _, private := range []string{"VAULT_TOKEN=own", "BAO_TOKEN=own", "VAULT_HEADERS=own", "BAO_HEADERS=own", "VAULT_MFA=own", "CREDENTIALS_DIRECTORY=own", "VAULT_PROXY_ADDR=http://user:own@proxy.example.test", "NOTIFY_SOCKET=own", "WATCHDOG_PID=own", "WATCHDOG_USEC=own", "COLOUR=own"} {
		if slices.Contains(env, private) {
			t.Errorf("has %s", private)
		}
	}
}

func TestProcessesGetNoTokenByDefault(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "hvs.CANARY")
	r, err := Run(t.Context(), Command{Args: []string{"sh", "-c", `echo "[$VAULT_TOKEN]"`}})
	if err != nil || r.Output != "[]\n" {
		t.Errorf("got %q, %v, want no token", r.Output, err)
	}
}
