// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/settings"
)

func loadExample(t *testing.T, name string) *config.Config {
	t.Helper()
	c, problems := config.Load([]string{filepath.Join("testdata", "examples", name)}, config.Overrides{LookupEnv: noEnv})
	if len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	return c
}

func TestExampleOfAChild(t *testing.T) {
	t.Parallel()
	c := loadExample(t, "design.hcl")
	if got := c.AutoAuth.Method.AppRole.SecretIDFile; got != "secretid" {
		t.Errorf("secret id file: %q", got)
	}
	if got := c.Templates[0].Change.Mode; got != config.Restart {
		t.Errorf("change_mode: %v", got)
	}
	if got := strings.Join(c.Execs[0].Command, "|"); got != "nginx|-g|daemon off;" {
		t.Errorf("command: %q", got)
	}
	if got := c.AutoAuth.Sinks[0].Path; got != "/run/certagent/token" {
		t.Errorf("sink: %q", got)
	}
	exampleBundle(t, c.Bundles[0])
}

func exampleBundle(t *testing.T, got config.Bundle) {
	t.Helper()
	want := defaultBundle()
	want.Directory = "/etc/nginx/tls"
	want.Change.Mode, want.Change.Signal, want.Change.PIDFile = config.Signal, syscall.SIGHUP, "/run/nginx.pid"
	want.Check = &config.Check{Command: []string{"nginx", "-t"}, Timeout: 30 * time.Second}
	want.Verify = &config.Verify{Addresses: []string{"127.0.0.1:8443"}, ServerName: "example.test", Timeout: 10 * time.Second}
	c := want.Members[0].Certificate
	c.Role, c.AltNames, c.TTL = "pki/example-dot-com", []string{"www.example.test"}, 72*time.Hour
	c.Files = append(c.Files, config.File{Output: certspec.Output{Kind: certspec.CA}, Destination: "ca.crt", Perms: 0o644})
	c.Key.ByRole = false // it is written
	if diff := cmp.Diff(want, got, noPos); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
}

func TestExampleOfNginx(t *testing.T) {
	t.Parallel()
	c := loadExample(t, "nginx.hcl")
	if len(c.Templates) != 3 {
		t.Fatalf("%d templates", len(c.Templates))
	}
	for _, template := range c.Templates {
		if template.Change.Signal != syscall.SIGHUP || template.Change.PIDFile != "/run/nginx.pid" {
			t.Errorf("%s: %v to %q", template.Destination, template.Change.Signal, template.Change.PIDFile)
		}
		if !strings.HasPrefix(template.Contents, `{{ with secret "pki/issue/web"`) {
			t.Errorf("%s: %q", template.Destination, template.Contents)
		}
	}
	if key := c.Templates[2]; !key.PermsSet || key.Perms != 0o600 {
		t.Errorf("perms of the key: %v", key.Perms)
	}
}

func TestExampleOfChildren(t *testing.T) {
	t.Parallel()
	c := loadExample(t, "children.hcl")
	want := []config.Exec{
		{
			Name: "nginx", Command: []string{"nginx", "-g", "daemon off;"},
			RestartPolicy: settings.Restart{When: settings.OnFailure, Delay: time.Second, MaxDelay: time.Minute, Reset: time.Minute},
			StopSignal:    syscall.SIGQUIT, KillTimeout: 4 * time.Second,
			Signals: map[syscall.Signal]syscall.Signal{
				syscall.SIGTERM: syscall.SIGQUIT, syscall.SIGINT: syscall.SIGQUIT, syscall.SIGUSR2: 0},
			HUP: config.HUPAgent,
		},
		{
			Name: "app", Command: []string{"gunicorn", "app:app"}, Restart: true,
			RestartPolicy: settings.Restart{When: settings.Always, Delay: 500 * time.Millisecond, MaxDelay: 30 * time.Second, Reset: 5 * time.Minute},
			StopSignal:    syscall.SIGTERM, KillTimeout: 30 * time.Second,
			HUP: config.HUPBoth,
		},
	}
	if diff := cmp.Diff(want, c.Execs, noPos); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if b := c.Bundles[0]; b.Change.Exec != "nginx" || b.Verify.Fallback.Exec != "nginx" {
		t.Errorf("changes of %q and %q", b.Change.Exec, b.Verify.Fallback.Exec)
	}
	if !c.Subreaper {
		t.Error("it is no subreaper")
	}
}

func TestExampleOfTheInjector(t *testing.T) {
	t.Parallel()
	c := loadExample(t, "injector.json")
	if got := c.AutoAuth.Method.Kubernetes.Role; got != "web" {
		t.Errorf("role: %q", got)
	}
	if got := c.Templates[0]; got.Perms != 0o440 || !strings.Contains(got.Contents, "${HOME}") || got.Pos.Line != 10 {
		t.Errorf("template: %+v", got)
	}
	if c.TemplateConfig.MaxConnectionsPerHost != 0 || !c.TemplateConfig.ExitOnRetryFailure {
		t.Errorf("template_config: %+v", c.TemplateConfig)
	}
}

// In JSON, labels may be the keys of an object around the block.
func TestLabelsInJSON(t *testing.T) {
	t.Parallel()
	c := loadDir(t, map[string]string{"a.json": `{
		"auto_auth": {"method": {"cert": {"mount_path": "auth/c"}}, "sink": {"file": [{"config": {"path": "/1"}}, {"config": {"path": "/2"}}]}},
		"env_template": {"A": {"contents": "x"}, "B": {"contents": "y"}},
		"exec": {"command": ["env"]}
	}`}, config.Overrides{})
	if c.AutoAuth.Method.Type != "cert" || c.AutoAuth.Method.MountPath != "auth/c" {
		t.Errorf("method: %+v", c.AutoAuth.Method)
	}
	if len(c.AutoAuth.Sinks) != 2 || c.AutoAuth.Sinks[1].Path != "/2" {
		t.Errorf("sinks: %+v", c.AutoAuth.Sinks)
	}
	if len(c.EnvTemplates) != 2 || c.EnvTemplates[1].Name != "B" || c.EnvTemplates[1].Contents != "y" {
		t.Errorf("env_template: %+v", c.EnvTemplates)
	}
}
