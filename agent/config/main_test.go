// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

// login is the block that every configuration needs.
const login = `
auto_auth {
  method "token_file" {
    config = { token_file_path = "/run/token" }
  }
}
`

// env is an environment.
type env map[string]string

func (e env) lookup(name string) (string, bool) {
	set, ok := e[name]
	return set, ok
}

// write writes files into a new directory and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load loads one file with this content. It must have no errors.
func load(t *testing.T, content string, o config.Overrides) *config.Config {
	t.Helper()
	return loadDir(t, map[string]string{"a.hcl": content}, o)
}

// loadDir loads a directory with these files. They must have no errors.
func loadDir(t *testing.T, files map[string]string, o config.Overrides) *config.Config {
	t.Helper()
	if o.LookupEnv == nil {
		o.LookupEnv = noEnv
	}
	c, problems := config.Load([]string{write(t, files)}, o)
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs.Error())
	}
	return c
}

// errorsOf loads one file with this content and returns its errors.
func errorsOf(t *testing.T, content string) config.Problems {
	t.Helper()
	_, problems := config.Load([]string{write(t, map[string]string{"a.hcl": content})}, config.Overrides{LookupEnv: noEnv})
	return problems.Errors()
}

func ptr[T any](v T) *T { return &v }
