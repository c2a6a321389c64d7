// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

// FuzzLoad: whatever the file contains, Load returns, and either a configuration
// or an error with a place in the file.
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
	})
}
