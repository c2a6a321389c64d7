// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

// The files of a directory are read in alphabetical order, without those that
// are not configuration. Several paths are read in the given order.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"b.hcl": "pid_file = \"/b\"\n", "a.json": `{"pid_file": "/a"}`, "c.hcl": login + aTemplate,
		"d.hcl~": "not read", ".#d.hcl": "not read", "#d.hcl#": "not read", "d.txt": "not read", "d.hcl.bak": "not read",
	})
	single := filepath.Join(write(t, map[string]string{"any.name": "pid_file = \"/single\"\n"}), "any.name")
	tests := []struct {
		paths []string
		files []string
		pid   string
	}{
		{[]string{dir}, []string{"a.json", "b.hcl", "c.hcl"}, "/b"},
		{[]string{dir, single}, []string{"a.json", "b.hcl", "c.hcl", "any.name"}, "/single"},
		{[]string{single, dir}, []string{"any.name", "a.json", "b.hcl", "c.hcl"}, "/b"},
	}
	for _, test := range tests {
		c, problems := config.Load(test.paths, config.Overrides{LookupEnv: noEnv})
		if len(problems) > 0 {
			t.Fatal(problems.Error())
		}
		var files []string
		for _, file := range c.Files {
			files = append(files, filepath.Base(file))
		}
		if diff := cmp.Diff(test.files, files); diff != "" || c.PIDFile != test.pid {
			t.Errorf("pid_file %q, want %q; files (-want +got):\n%s", c.PIDFile, test.pid, diff)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := filepath.Join(write(t, map[string]string{"large.hcl": string(make([]byte, 4<<20+1))}), "large.hcl")
	tests := map[string]struct {
		paths []string
		want  string
	}{
		"no path":         {nil, "there is no configuration\n  hint: name a file or a directory with -config"},
		"no such file":    {[]string{dir + "/none.hcl"}, dir + "/none.hcl: no such file or directory"},
		"empty directory": {[]string{dir}, dir + ": warning: the directory contains no *.hcl or *.json file\nthe auto_auth block is missing\n  hint: add auto_auth: without a login no secret can be read"},
		"too large":       {[]string{large}, large + ": too large: the limit is 4 MiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, problems := config.Load(test.paths, config.Overrides{LookupEnv: noEnv})
			if diff := cmp.Diff(test.want, problems.Error()); diff != "" || c != nil {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A variable of Vault Agent allows keys that are set twice.
func TestDuplicatesAllowed(t *testing.T) {
	t.Parallel()
	file := login + aTemplate + "pid_file = \"/a\"\npid_file = \"/b\"\n"
	if errs := errorsOf(t, file); len(errs) != 1 {
		t.Errorf("without the variable: %v", errs)
	}
	c := load(t, file, config.Overrides{LookupEnv: env{"VAULT_ALLOW_PENDING_REMOVAL_DUPLICATE_HCL_ATTRIBUTES": "true"}.lookup})
	if c.PIDFile != "/b" {
		t.Errorf("pid_file is %q: the last one counts", c.PIDFile)
	}
}
