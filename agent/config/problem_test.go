// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

// All mistakes of all files are reported at once, sorted by file and line,
// whichever check finds them.
func TestProblemsInOrder(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"1.hcl": "exit_after_auth = 1\nfoo = 1\nvault {\n  tls_skip_verify = \"yes\"\n}\n",
		"2.hcl": "pid_file = \"x\n",
		"3.hcl": "template {\n  perms = \"rw\"\n  destnation = \"/run/x\"\n}\nlog_level = \"loud\"\n",
	})
	_, problems := config.Load([]string{dir}, config.Overrides{LookupEnv: env{"VAULT_SKIP_VERIFY": "yes"}.lookup})
	type place struct {
		File        string
		Line        int
		Kind        config.Kind
		Name, Line0 string
	}
	var got []place
	for _, p := range problems {
		file := p.Pos.File
		if file != "" {
			file = filepath.Base(file)
		}
		got = append(got, place{file, p.Pos.Line, p.Kind, p.Name, p.SourceLine})
	}
	want := []place{
		{"1.hcl", 1, config.LoadError, "exit_after_auth", "exit_after_auth = 1"},
		{"1.hcl", 2, config.Warning, "foo", "foo = 1"},
		{"1.hcl", 4, config.LoadError, "tls_skip_verify", `tls_skip_verify = "yes"`},
		{"2.hcl", 1, config.LoadError, "", `pid_file = "x`},
		{"3.hcl", 1, config.StartError, "destination", "template {"},
		{"3.hcl", 1, config.StartError, "", "template {"},
		{"3.hcl", 2, config.LoadError, "perms", `perms = "rw"`},
		{"3.hcl", 3, config.LoadError, "destnation", `destnation = "/run/x"`},
		{"3.hcl", 5, config.StartError, "log_level", `log_level = "loud"`},
		{"", 0, config.StartError, "VAULT_SKIP_VERIFY", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
