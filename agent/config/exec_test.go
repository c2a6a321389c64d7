// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/settings"
)

// defaultExec returns the value of an exec block without optional keys.
func defaultExec(name string, change func(*config.Exec)) config.Exec {
	e := config.Exec{
		Name: name, Command: []string{"app", "--flag"},
		Restart:       true,
		RestartPolicy: settings.Restart{Delay: time.Second, MaxDelay: time.Minute, Reset: time.Minute},
		StopSignal:    syscall.SIGTERM, KillTimeout: 30 * time.Second,
		HUP: config.HUPAgent,
	}
	change(&e)
	return e
}

func unchanged(*config.Exec) {}

func TestExec(t *testing.T) {
	t.Parallel()
	policy := func(when settings.RestartWhen, delay, most, reset time.Duration) func(*config.Exec) {
		return func(e *config.Exec) {
			e.RestartPolicy = settings.Restart{When: when, Delay: delay, MaxDelay: most, Reset: reset}
		}
	}
	stop := func(sig syscall.Signal) func(*config.Exec) { return func(e *config.Exec) { e.StopSignal = sig } }
	hup := func(h config.HUP) func(*config.Exec) { return func(e *config.Exec) { e.HUP = h } }
	tests := map[string]struct {
		keys string
		want func(*config.Exec)
	}{
		"defaults": {``, unchanged},
		"all of Vault Agent's": {`
  restart_on_secret_changes = "never"
  restart_stop_signal       = "sigint"
  kill_timeout              = "5s"
  child_process_stdout      = "/o"
  child_process_stderr      = "/e"`, func(e *config.Exec) {
			e.Restart, e.StopSignal, e.KillTimeout, e.Stdout, e.Stderr = false, syscall.SIGINT, 5*time.Second, "/o", "/e"
		}},
		"start, published":   {`start = "published"`, unchanged},
		"start, immediately": {`start = "immediately"`, func(e *config.Exec) { e.StartImmediately = true }},

		"restart, never":      {`restart = "never"`, unchanged},
		"restart, on-failure": {`restart = "on-failure"`, policy(settings.OnFailure, time.Second, time.Minute, time.Minute)},
		"restart, always":     {`restart = "always"`, policy(settings.Always, time.Second, time.Minute, time.Minute)},
		"restart, all": {"restart = \"always\"\n restart_delay = \"200ms\"\n restart_max_delay = \"10s\"\n restart_reset = \"1h\"",
			policy(settings.Always, 200*time.Millisecond, 10*time.Second, time.Hour)},
		"the reset is the longest delay": {"restart = \"always\"\n restart_max_delay = \"10s\"",
			policy(settings.Always, time.Second, 10*time.Second, 10*time.Second)},
		"a delay above the longest of the default": {"restart = \"always\"\n restart_delay = \"2m\"",
			policy(settings.Always, 2*time.Minute, 2*time.Minute, 2*time.Minute)},
		"a longest delay below the first of the default": {"restart = \"always\"\n restart_max_delay = \"300ms\"",
			policy(settings.Always, 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond)},
		"delays that do not grow": {"restart = \"always\"\n restart_delay = \"5s\"\n restart_max_delay = \"5s\"",
			policy(settings.Always, 5*time.Second, 5*time.Second, 5*time.Second)},

		"no stop signal, as Vault Agent says it": {`restart_stop_signal = ""`, stop(0)},
		"no stop signal":                         {`stop_signal = ""`, stop(0)},
		"stop signal":                            {`stop_signal = "sigquit"`, stop(syscall.SIGQUIT)},
		"stop signal, by number":                 {`stop_signal = 3`, stop(syscall.SIGQUIT)},
		"stop signal of systemd":                 {`stop_signal = "SIGRTMIN+3"`, stop(37)},
		"stop signal, twice the same":            {"restart_stop_signal = \"SIGINT\"\n stop_signal = \"SIGINT\"", stop(syscall.SIGINT)},

		"hup, agent": {`hup = "agent"`, unchanged},
		"hup, child": {`hup = "child"`, hup(config.HUPChild)},
		"hup, both":  {`hup = "both"`, hup(config.HUPBoth)},

		"signals": {`signals = { SIGTERM = "SIGQUIT", SIGINT = "SIGQUIT", SIGUSR2 = "" }`, func(e *config.Exec) {
			e.Signals = map[syscall.Signal]syscall.Signal{
				syscall.SIGTERM: syscall.SIGQUIT, syscall.SIGINT: syscall.SIGQUIT, syscall.SIGUSR2: 0}
		}},
		"signals as a block": {"signals {\n SIGTERM = \"SIGQUIT\"\n }", func(e *config.Exec) {
			e.Signals = map[syscall.Signal]syscall.Signal{syscall.SIGTERM: syscall.SIGQUIT}
		}},
		"signals by number": {`signals = { "15" = 3, "10" = 0, "36" = "0" }`, func(e *config.Exec) {
			e.Signals = map[syscall.Signal]syscall.Signal{syscall.SIGTERM: syscall.SIGQUIT, syscall.SIGUSR1: 0, 36: 0}
		}},
		"signals, none":    {`signals = {}`, unchanged},
		"signals, null":    {`signals = { SIGTERM = null }`, unchanged},
		"signals, to KILL": {`signals = { SIGQUIT = "SIGKILL" }`, func(e *config.Exec) { e.Signals = map[syscall.Signal]syscall.Signal{syscall.SIGQUIT: syscall.SIGKILL} }},
		"SIGHUP, handed on": {"hup = \"child\"\n signals = { SIGHUP = \"SIGUSR1\" }", func(e *config.Exec) {
			e.HUP, e.Signals = config.HUPChild, map[syscall.Signal]syscall.Signal{syscall.SIGHUP: syscall.SIGUSR1}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+aTemplate+`
exec {
  command = ["app", "--flag"]
  `+test.keys+`
}
`, config.Overrides{})
			want := []config.Exec{defaultExec("", test.want)}
			if diff := cmp.Diff(want, c.Execs, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A child's command follows the rule of all other commands, which is Vault Agent's.
func TestExecCommandOfOneStringRunsInAShell(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][]string{
		`["app"]`:                         {"app"},
		`["app", "a b"]`:                  {"app", "a b"},
		`["exec app --flag | tee a.log"]`: {"sh", "-c", "exec app --flag | tee a.log"},
	} {
		block := "exec {\n command = " + command + "\n}\n"
		change := "template {\n contents = \"x\"\n destination = \"/run/x\"\n command = " + command + "\n}\n"
		c := load(t, login+change+block, config.Overrides{})
		if diff := cmp.Diff(want, c.Execs[0].Command); diff != "" {
			t.Errorf("exec, %s (-want +got):\n%s", command, diff)
		}
		if diff := cmp.Diff(want, c.Templates[0].Change.Command); diff != "" {
			t.Errorf("template, %s (-want +got):\n%s", command, diff)
		}
	}
}

// Several exec blocks may each have a label. A change without change_exec
// targets the only one.
func TestExecs(t *testing.T) {
	t.Parallel()
	block := func(label string) string { return "exec " + label + " {\n command = [\"app\", \"--flag\"]\n}\n" }
	tests := map[string]struct {
		file  string // a.hcl
		json  string // b.json, if it is not empty
		names []string
	}{
		"none":                   {``, ``, nil},
		"Vault Agent's":          {block(``), ``, []string{""}},
		"one with a label":       {block(`"web"`), ``, []string{"web"}},
		"a label without quotes": {block(`web`), ``, []string{"web"}},
		"several":                {block(`"web"`) + block(`"api"`) + block(`"A.1_b-c"`), ``, []string{"web", "api", "A.1_b-c"}},
		"one without a label":    {block(`"web"`) + block(``), ``, []string{"web", ""}},
		"JSON":                   {``, `{"exec": {"command": ["app", "--flag"]}}`, []string{""}},
		"JSON, a label":          {``, `{"exec": {"web": {"command": ["app", "--flag"]}}}`, []string{"web"}},
		"JSON, labels":           {``, `{"exec": {"web": {"command": ["app", "--flag"]}, "api": [{"command": ["app", "--flag"]}]}}`, []string{"web", "api"}},
		"JSON, labels in a list": {``, `{"exec": [{"web": {"command": ["app", "--flag"]}}, {"command": ["app", "--flag"]}]}`, []string{"web", ""}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"a.hcl": login + aTemplate + test.file}
			if test.json != "" {
				files["b.json"] = test.json
			}
			c := loadDir(t, files, config.Overrides{})
			var want []config.Exec
			for _, name := range test.names {
				want = append(want, defaultExec(name, unchanged))
			}
			if diff := cmp.Diff(want, c.Execs, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// certagent reloads on SIGHUP unless all exec blocks leave the signal to their
// children.
func TestHUPReloads(t *testing.T) {
	t.Parallel()
	tests := []struct {
		hups    []string
		reloads bool
	}{
		{nil, true}, {[]string{"agent"}, true}, {[]string{"both"}, true}, {[]string{"child"}, false},
		{[]string{"child", "child"}, false}, {[]string{"child", "agent"}, true}, {[]string{"both", "child"}, true},
	}
	for _, test := range tests {
		blocks := ""
		for i, hup := range test.hups {
			blocks += "exec \"" + string(rune('a'+i)) + "\" {\n command = [\"app\"]\n hup = \"" + hup + "\"\n}\n"
		}
		c := load(t, login+aTemplate+blocks, config.Overrides{})
		if got := c.HUPReloads(); got != test.reloads {
			t.Errorf("%v: got %v", test.hups, got)
		}
		for i, hup := range test.hups {
			if got := c.Execs[i].HUP.ToChild(); got != (hup != "agent") {
				t.Errorf("%s to the child: got %v", hup, got)
			}
		}
	}
}

func TestStopTimeout(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]time.Duration{"": 0, `stop_timeout = "10s"`: 10 * time.Second, "stop_timeout = 5": 5 * time.Second} {
		if got := load(t, login+aTemplate+keys+"\n", config.Overrides{}).StopTimeout; got != want {
			t.Errorf("%q: got %v", keys, got)
		}
	}
	if got := errorsOf(t, login+aTemplate+"stop_timeout = \"0s\"\n"); len(got) != 1 || got[0].Name != "stop_timeout" {
		t.Errorf("0s: got %v", got)
	}
}

func TestSubreaper(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]bool{"": false, "subreaper = false": false, "subreaper = true": true} {
		if got := load(t, login+aTemplate+keys+"\n", config.Overrides{}).Subreaper; got != want {
			t.Errorf("%q: got %v", keys, got)
		}
	}
}
