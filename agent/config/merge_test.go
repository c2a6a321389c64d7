// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	template := func(destination string) string {
		return "template {\n contents = \"x\"\n destination = \"" + destination + "\"\n}\n"
	}
	tests := map[string]struct {
		first, second string
		got           func(*config.Config) any
		want          any
	}{
		"a block replaces the whole block": {
			"vault {\n address = \"http://a\"\n namespace = \"n\"\n}\n", "vault {\n address = \"http://b\"\n}\n",
			func(c *config.Config) any { return c.Vault.Address + " " + c.Vault.Namespace }, "http://b "},
		"templates add up": {
			template("/1"), template("/2") + template("/3"),
			func(c *config.Config) any {
				var all []string
				for _, t := range c.Templates {
					all = append(all, t.Destination)
				}
				return all
			}, []string{"/0", "/1", "/2", "/3"}},
		"env_templates add up": {
			"exec {\n command = [\"a\"]\n}\nenv_template \"A\" {\n contents = \"x\"\n}\n", "env_template \"B\" {\n contents = \"x\"\n}\n",
			func(c *config.Config) any { return []string{c.EnvTemplates[0].Name, c.EnvTemplates[1].Name} }, []string{"A", "B"}},
		"exec is replaced": {
			"exec {\n command = [\"a\"]\n kill_timeout = \"1s\"\n}\n", "exec {\n command = [\"b\"]\n}\n",
			func(c *config.Config) any { return c.Execs[0].Command[0] + c.Execs[0].KillTimeout.String() }, "b30s"},
		"exec blocks with labels add up": {
			"exec \"a\" {\n command = [\"a\"]\n}\n", "exec \"b\" {\n command = [\"b\"]\n}\n",
			func(c *config.Config) any { return []string{c.Execs[0].Name, c.Execs[1].Name} }, []string{"a", "b"}},
		"an exec block without a label replaces only that": {
			"exec {\n command = [\"a\"]\n}\nexec \"b\" {\n command = [\"b\"]\n}\n", "exec {\n command = [\"c\"]\n}\n",
			func(c *config.Config) any {
				return []string{c.Execs[0].Command[0], c.Execs[1].Command[0], strconv.Itoa(len(c.Execs))}
			}, []string{"b", "c", "2"}},
		"a template_config that says something replaces": {
			"template_config {\n exit_on_retry_failure = true\n}\n", "template_config {\n max_connections_per_host = 1\n}\n",
			func(c *config.Config) any { return c.TemplateConfig.ExitOnRetryFailure }, false},
		"an empty template_config does not": {
			"template_config {\n exit_on_retry_failure = true\n}\n", "template_config {\n}\n",
			func(c *config.Config) any { return c.TemplateConfig.ExitOnRetryFailure }, true},
		"a switch stays on": {
			"exit_after_auth = true\nsubreaper = true\n", "exit_after_auth = false\nsubreaper = false\n",
			func(c *config.Config) any { return c.ExitAfterAuth && c.Subreaper }, true},
		"a later text counts": {
			"pid_file = \"/a\"\nlog_level = \"debug\"\n", "pid_file = \"/b\"\n",
			func(c *config.Config) any { return c.PIDFile + c.Log.Level }, "/bdebug"},
		"an empty text does not": {
			"pid_file = \"/a\"\n", "pid_file = \"\"\n",
			func(c *config.Config) any { return c.PIDFile }, "/a"},
		"a later number counts, 0 too": {
			"log_rotate_bytes = 5\n", "log_rotate_bytes = 0\n",
			func(c *config.Config) any { return c.Log.RotateBytes }, 0},
		"subsystems are united": {
			"disable_keep_alives = [\"templating\", \"\"]\n", "disable_keep_alives = [\"caching\", \"templating\"]\n",
			func(c *config.Config) any { return c.DisableKeepAlives }, []string{"templating", "caching"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := loadDir(t, map[string]string{"0.hcl": login + template("/0"), "1.hcl": test.first, "2.hcl": test.second}, config.Overrides{})
			if diff := cmp.Diff(test.want, test.got(c)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A directory is read by name, without what is not configuration. Several paths
// are read in their order.
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
		"too large":       {[]string{large}, large + ": the file is larger than 4 MiB"},
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

// All mistakes of all files come at once, in the order of the files and their
// lines, whatever finds them when.
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
