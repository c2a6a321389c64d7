// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// checker builds the command in check, a module of its own, whose modules may
// not be at hand.
func checker(t *testing.T) string {
	t.Helper()
	if path := harness.Built("check"); path != "" {
		return path
	}
	list := exec.Command("go", "list", "-deps", ".") // fetches them
	list.Dir = "check"
	if _, err := output(list); err != nil {
		harness.Missing(t, "the modules of deploy/check cannot be had: %v", err)
	}
	return harness.Build(t, "check", "check", ".")
}

// parse has the checker read a file, and fails the test if it refuses it.
func parse(t *testing.T, kind, path string, into any) {
	t.Helper()
	text, err := output(exec.Command(checker(t), kind, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// The checker must find mistakes, or what it accepts means nothing.
func TestCheckerRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, kind, file, from, to, want string }{
		{"an unknown key of a task", "nomad", "nomad/nginx.nomad.hcl", "kill_signal ", "kill_with ", `unknown key "kill_with"`},
		{"an unknown block", "nomad", "nomad/nginx.nomad.hcl", "resources {", "ressources {", `unknown block "ressources"`},
		{"a bad duration", "nomad", "nomad/nginx.nomad.hcl", `kill_timeout = "25s"`, `kill_timeout = "25"`, "missing unit"},
		{"a type that does not fit", "nomad", "nomad/nginx.nomad.hcl", "file = true", `file = "perhaps"`, "bool"},
		{"an unknown variable", "nomad", "nomad/nginx.nomad.hcl", "var.certagent", "var.certagentt", "certagentt"},
		{"an unknown instruction", "dockerfile", "container/Dockerfile", "\nUSER", "\nUSR", "unknown instruction: USR"},
		{"what the linter warns of", "dockerfile", "container/Dockerfile", "FROM scratch AS", "FROM scratch as", "FromAsCasing"},
		{"an unknown key of a container", "kubernetes", "kubernetes/sidecar.yaml", "startupProbe:", "startUpProbe:", `unknown field "spec.template.spec.initContainers[0].startUpProbe"`},
		{"a type that does not fit", "kubernetes", "kubernetes/sidecar.yaml", "readOnlyRootFilesystem: true", `readOnlyRootFilesystem: "yes"`, "cannot unmarshal string"},
		{"an unknown kind", "kubernetes", "kubernetes/sidecar.yaml", "kind: Deployment", "kind: Deploiment", "Deploiment"},
	} {
		t.Run(c.kind+", "+c.name, func(t *testing.T) {
			t.Parallel()
			text := harness.ReadFile(t, c.file)
			if !strings.Contains(text, c.from) {
				t.Fatalf("%s has no %q", c.file, c.from)
			}
			path := t.TempDir() + "/file"
			write(t, path, strings.Replace(text, c.from, c.to, 1))
			if _, err := output(exec.Command(checker(t), c.kind, path)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the checker says %v, want %q", err, c.want)
			}
		})
	}
}
