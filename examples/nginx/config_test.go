// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// TestConfigsAreValid holds the configurations, as they are shown, to certagent
// validate, and what README.md says of them to what it prints.
func TestConfigsAreValid(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []form{bundleForm, templatesForm} {
		output, err := exec.Command(harness.Certagent(t), "validate", "-config="+form.config).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(output), "valid: "+form.config+"\n") {
			t.Errorf("%s: %v:\n%s", form.config, err, output)
		}
		if !strings.Contains(string(readme), "$ certagent validate -config="+form.config+"\n"+string(output)) {
			t.Errorf("README.md does not show what is printed of %s:\n%s", form.config, output)
		}
	}
}

// TestBundleIsShown holds README.md to bundle.hcl.
func TestBundleIsShown(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile("bundle.hcl")
	if err != nil {
		t.Fatal(err)
	}
	_, bundle, found := strings.Cut(string(config), "\nbundle \"web\" {")
	bundle, _, ends := strings.Cut(bundle, "\n}\n")
	if !found || !ends || !strings.Contains(string(readme), "```hcl\nbundle \"web\" {"+bundle+"\n}\n```\n") {
		t.Error("README.md shows another bundle than bundle.hcl has")
	}
	if !strings.Contains(string(config), "check { command = "+preferredCheck+" }") {
		t.Error("bundle.hcl has another check than the demonstration replaces")
	}
}

// TestConfigIsVaultAgents holds agent.hcl to Vault Agent's own reader: without
// the keys that the file's first lines name, Vault Agent takes it, and with
// them it does not, or the comparison would show nothing.
func TestConfigIsVaultAgents(t *testing.T) {
	t.Parallel()
	vault := harness.VaultBinary(t)
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
	if ours != 10 {
		t.Errorf("%d keys of certagent's own, want three in each of nginx's templates, and one in the client's", ours)
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
