// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

func TestChange(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want func(*config.Change)
	}{
		"none":                {``, func(*config.Change) {}},
		"noop":                {`change_mode = "noop"`, func(c *config.Change) { c.NoneSet = true }},
		"list":                {`command = ["a", "b c"]`, runs("a", "b c")},
		"one word":            {`command = "reload"`, runs("reload")},
		"shell":               {`command = "a && b"`, runs("sh", "-c", "a && b")},
		"list of one":         {`command = ["a b"]`, runs("sh", "-c", "a b")},
		"commas":              {`command = "echo a, b"`, runs("echo a", " b")},
		"empty":               {`command = ""`, func(*config.Change) {}},
		"exec":                {"exec {\n command = \"a\"\n timeout = \"5s\"\n kill_timeout = \"6s\"\n }", func(c *config.Change) { runs("a")(c); c.Timeout, c.KillTimeout = 5*time.Second, 6*time.Second }},
		"exec before command": {"command = \"a\"\n exec { command = \"b\" }", runs("b")},
		"exec, turned off":    {"exec {\n command = \"a\"\n enabled = false\n }", func(*config.Change) {}},
		"exec, the last":      {"exec { command = \"a\" }\n exec { command = \"b\" }", runs("b")},
		"command_timeout":     {"command = \"a\"\n command_timeout = \"7s\"", func(c *config.Change) { runs("a")(c); c.Timeout = 7 * time.Second }},
		"nanoseconds":         {"command = \"a\"\n command_timeout = 60", func(c *config.Change) { runs("a")(c); c.Timeout = 60 }},
		"splay":               {"command = \"a\"\n splay = \"3s\"", func(c *config.Change) { runs("a")(c); c.Splay = 3 * time.Second }},
		"mode command":        {"change_mode = \"command\"\n command = [\"a\"]", runs("a")},
		"signal":              {"change_mode = \"signal\"\n pid_file = \"/run/p\"", func(c *config.Change) { c.Mode, c.Signal, c.PIDFile = config.Signal, syscall.SIGHUP, "/run/p" }},
		"signal by name":      {"change_mode = \"signal\"\n change_signal = \"sigusr1\"\n pid_file = \"/run/p\"", func(c *config.Change) { c.Mode, c.Signal, c.PIDFile = config.Signal, syscall.SIGUSR1, "/run/p" }},
		"script": {"change_mode = \"script\"\n change_script {\n command = \"/a\"\n args = [\"b c\"]\n timeout = \"9s\"\n fail_on_error = true\n }", func(c *config.Change) {
			runs("/a", "b c")(c)
			c.Timeout, c.FailOnError = 9*time.Second, true
		}},
		"script, defaults": {"change_mode = \"command\"\n change_script {\n command = \"a b\"\n }", func(c *config.Change) { runs("a b")(c); c.Timeout = 5 * time.Second }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+"template {\n contents = \"x\"\n destination = \"/run/x\"\n"+test.keys+"\n}\n", config.Overrides{})
			want := config.Change{Timeout: 30 * time.Second, KillTimeout: 30 * time.Second}
			test.want(&want)
			if diff := cmp.Diff(want, c.Templates[0].Change, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Without pid_file the target is a child: the only one, or the one that is
// named.
func TestChangeOfTheChild(t *testing.T) {
	t.Parallel()
	const (
		unlabelled = "exec {\n command = [\"app\"]\n}\n"
		web        = "exec \"web\" {\n command = [\"app\"]\n}\n"
		api        = "exec \"api\" {\n command = [\"app\"]\n}\n"
		restart    = `change_mode = "restart"`
		signal     = `change_mode = "signal"`
	)
	for name, test := range map[string]struct {
		execs, keys string
		want        config.Change
	}{
		"Vault Agent's": {unlabelled, restart, config.Change{Mode: config.Restart}},
		"signal":        {unlabelled, signal, config.Change{Mode: config.Signal, Signal: syscall.SIGHUP}},
		"the only one":  {web, restart, config.Change{Mode: config.Restart, Exec: "web"}},
		"the only one, named": {web, restart + "\n change_exec = \"web\"",
			config.Change{Mode: config.Restart, Exec: "web"}},
		"one of two": {web + api, restart + "\n change_exec = \"api\"",
			config.Change{Mode: config.Restart, Exec: "api"}},
		"one beside that without a label": {web + unlabelled, signal + "\n change_signal = \"SIGUSR1\"\n change_exec = \"web\"",
			config.Change{Mode: config.Signal, Signal: syscall.SIGUSR1, Exec: "web"}},
		"a pid_file": {web, signal + "\n pid_file = \"/run/p\"",
			config.Change{Mode: config.Signal, Signal: syscall.SIGHUP, PIDFile: "/run/p"}},
		"a pid_file beside several": {web + api, signal + "\n pid_file = \"/run/p\"",
			config.Change{Mode: config.Signal, Signal: syscall.SIGHUP, PIDFile: "/run/p"}},
		"noop":      {web + api, `change_mode = "noop"`, config.Change{NoneSet: true}},
		"a command": {web, `command = ["true"]`, config.Change{Mode: config.Command, Command: []string{"true"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.want.Timeout, test.want.KillTimeout = 30*time.Second, 30*time.Second
			c := load(t, test.execs+inBundle(aCertificate+test.keys+`
verify {
  address = "127.0.0.1:8443"
  fallback {
    change_mode = "command"
    command     = ["true"]
  }
}`)+"template {\n contents = \"x\"\n destination = \"/run/x\"\n"+test.keys+"\n}\n", config.Overrides{})
			for block, got := range map[string]config.Change{"template": c.Templates[0].Change, "bundle": c.Bundles[0].Change} {
				if diff := cmp.Diff(test.want, got, noPos); diff != "" {
					t.Errorf("%s (-want +got):\n%s", block, diff)
				}
			}
		})
	}
}

// A fallback names its child as a change does.
func TestFallbackOfTheChild(t *testing.T) {
	t.Parallel()
	for execs, name := range map[string]string{
		"exec \"web\" {\n command = [\"app\"]\n}\n":                                          "",
		"exec \"web\" {\n command = [\"app\"]\n}\nexec \"api\" {\n command = [\"app\"]\n}\n": "change_exec = \"web\"\n",
	} {
		c := load(t, execs+inBundle(aCertificate+"verify {\n address = \"127.0.0.1:8443\"\n fallback {\n change_mode = \"restart\"\n"+name+"}\n}\n"), config.Overrides{})
		if got := c.Bundles[0].Verify.Fallback.Exec; got != "web" {
			t.Errorf("%q: got %q", name, got)
		}
	}
}

func runs(args ...string) func(*config.Change) {
	return func(c *config.Change) { c.Mode, c.Command = config.Command, args }
}
