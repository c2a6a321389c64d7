// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
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
