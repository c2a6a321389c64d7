// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/acceptance/server"
)

// TestConfigIsValid holds agent.hcl, as it is shown, to certagent validate.
func TestConfigIsValid(t *testing.T) {
	t.Parallel()
	output, err := exec.Command(certagentBinary(t), "validate", "-config=agent.hcl").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(output), "valid: agent.hcl\n") {
		t.Errorf("%v:\n%s", err, output)
	}
}

// TestConfigIsVaultAgents holds agent.hcl to Vault Agent's own reader: without
// the keys that the file's first lines name, Vault Agent takes it, and with
// them it does not, or the comparison would show nothing.
func TestConfigIsVaultAgents(t *testing.T) {
	t.Parallel()
	vault := server.VaultBinary(t)
	text, err := os.ReadFile("agent.hcl")
	if err != nil {
		t.Fatal(err)
	}
	var theirs strings.Builder
	ours := 0
	for line := range strings.Lines(string(text)) {
		switch key, _, _ := strings.Cut(strings.TrimSpace(line), " "); key {
		case "change_mode", "change_signal", "pid_file":
			ours++
		default:
			theirs.WriteString(line)
		}
	}
	if ours != 9 {
		t.Errorf("%d keys of certagent's own, want three in each of three templates", ours)
	}
	if output, err := verifyOnly(t, vault, theirs.String()); err != nil {
		t.Errorf("Vault Agent refuses it: %v\n%s", err, output)
	}
	if output, err := verifyOnly(t, vault, string(text)); err == nil || !strings.Contains(output, "change_mode") {
		t.Errorf("Vault Agent takes the keys of certagent: %v\n%s", err, output)
	}
}

// verifyOnly has Vault Agent read a configuration and do nothing else.
func verifyOnly(t *testing.T, vault, text string) (output string, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(vault, "agent", "-config="+path, "-test-verify-only").CombinedOutput()
	return string(out), err
}
