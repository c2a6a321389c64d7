// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

// FuzzLoad checks that Load returns for any content of the file, with a
// configuration or with an error that has a place in the file.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"quirks/*.[hj]*", "bad/*.[hj]*", "examples/*"} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	path := filepath.Join(f.TempDir(), "a.hcl")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		c, problems := config.Load([]string{path}, config.Overrides{LookupEnv: noEnv})
		errs := problems.Errors()
		if (c == nil) != (len(errs) > 0) {
			t.Errorf("the configuration is nil: %v; errors: %d", c == nil, len(errs))
		}
		for _, p := range problems {
			if p.Message == "" || p.Pos.Line < 0 || p.Pos.File != "" && p.Pos.File != path {
				t.Errorf("problem %+v", p)
			}
		}
		if c != nil && c.AutoAuth == nil {
			t.Error("a configuration without auto_auth")
		}
		if c != nil {
			checkChildren(t, c)
		}
	})
}

// checkChildren checks that a change targets only a child that exists.
func checkChildren(t *testing.T, c *config.Config) {
	t.Helper()
	names := map[string]bool{}
	for _, e := range c.Execs {
		if names[e.Name] {
			t.Errorf("two exec blocks %q", e.Name)
		}
		names[e.Name] = true
		if p := e.RestartPolicy; p.Delay <= 0 || p.MaxDelay < p.Delay || p.Reset <= 0 {
			t.Errorf("restart policy %+v", p)
		}
	}
	check := func(change config.Change) {
		child := change.Mode == config.Restart || change.Mode == config.Signal && change.PIDFile == ""
		if child && !names[change.Exec] {
			t.Errorf("a change is about %q, which is no child", change.Exec)
		}
	}
	for _, template := range c.Templates {
		check(template.Change)
	}
	for _, b := range c.Bundles {
		check(b.Change)
		if b.Verify != nil && b.Verify.Fallback != nil {
			check(*b.Verify.Fallback)
		}
	}
}
