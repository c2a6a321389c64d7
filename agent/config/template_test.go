// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/settings"
)

var noPos = cmpopts.IgnoreTypes(config.Pos{})

// defaultTemplate returns the value of a template without optional keys.
func defaultTemplate(change func(*config.Template)) config.Template {
	t := config.Template{
		Text:           config.Text{TemplateText: settings.TemplateText{Contents: "x"}, ErrorFatal: true},
		Destination:    "/run/x",
		CreateDestDirs: true,
		Change:         config.Change{Timeout: 30 * time.Second, KillTimeout: 30 * time.Second},
	}
	change(&t)
	return t
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want func(*config.Template)
	}{
		"defaults": {``, func(*config.Template) {}},
		"all of text": {"error_on_missing_key = true\n error_fatal = false\n left_delimiter = \"[[\"\n right_delimiter = \"]]\"", func(t *config.Template) {
			t.Text = config.Text{TemplateText: settings.TemplateText{Contents: "x", ErrorOnMissingKey: true, LeftDelim: "[[", RightDelim: "]]"}}
		}},
		"denylist":         {"function_denylist = [\"a\"]\n function_blacklist = \"b,c\"", func(t *config.Template) { t.FunctionDenylist = []string{"a", "b", "c"} }},
		"file":             {"backup = true\n create_dest_dirs = false\n sandbox_path = \"/s\"", func(t *config.Template) { t.Backup, t.CreateDestDirs, t.SandboxPath = true, false, "/s" }},
		"perms, text":      {`perms = "640"`, perms(0o640)},
		"perms, octal":     {`perms = 0600`, perms(0o600)},
		"perms, decimal":   {`perms = 384`, perms(0o600)},
		"perms, zero":      {`perms = "0000"`, func(*config.Template) {}},
		"perms, setuid":    {`perms = "07777"`, perms(0o777)},
		"user and group":   {"user = \"app\"\n group = \"1000\"", func(t *config.Template) { t.User, t.Group = "app", "1000" }},
		"uid and gid":      {"uid = 0\n gid = 1000", func(t *config.Template) { t.User, t.Group = "0", "1000" }},
		"negative uid":     {`uid = -1`, func(*config.Template) {}},
		"user before uid":  {"user = \"app\"\n uid = 0", func(t *config.Template) { t.User = "app" }},
		"key in any case":  {`Backup = true`, func(t *config.Template) { t.Backup = true }},
		"wait block":       {"wait {\n min = \"2s\"\n max = \"10s\"\n }", wait(2, 10)},
		"wait, no max":     {"wait {\n min = \"2s\"\n }", wait(2, 8)},
		"wait string":      {`wait = "2s:10s"`, wait(2, 10)},
		"wait, one":        {`wait = "2s"`, wait(2, 8)},
		"wait, no min":     {"wait {\n max = \"10s\"\n }", func(*config.Template) {}},
		"wait, turned off": {"wait {\n bool = false\n min = \"2s\"\n }", func(*config.Template) {}},
		"wait, swapped":    {"wait {\n min = \"10s\"\n max = \"2s\"\n }", wait(2, 2)},
		"null":             {`backup = null`, func(*config.Template) {}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+"template {\n contents = \"x\"\n destination = \"/run/x\"\n"+test.keys+"\n}\n", config.Overrides{})
			want := []config.Template{defaultTemplate(test.want)}
			if diff := cmp.Diff(want, c.Templates, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func perms(mode fs.FileMode) func(*config.Template) {
	return func(t *config.Template) { t.Perms, t.PermsSet = mode, true }
}

func wait(least, most time.Duration) func(*config.Template) {
	return func(t *config.Template) {
		t.Wait = config.Wait{Min: least * time.Second, Max: most * time.Second}
	}
}

func TestTemplateConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want config.TemplateConfig
	}{
		"defaults":  {``, config.TemplateConfig{StaticSecretRenderInterval: 5 * time.Minute, MaxConnectionsPerHost: 10, LeaseRenewalThreshold: 0.9}},
		"all":       {"exit_on_retry_failure = true\n static_secret_render_interval = \"1d\"\n max_connections_per_host = \"7\"\n lease_renewal_threshold = 0.5", config.TemplateConfig{ExitOnRetryFailure: true, StaticSecretRenderInterval: 24 * time.Hour, MaxConnectionsPerHost: 7, LeaseRenewalThreshold: 0.5}},
		"unlimited": {`max_connections_per_host = 0`, config.TemplateConfig{StaticSecretRenderInterval: 5 * time.Minute, LeaseRenewalThreshold: 0.9}},
		"after the end": {`lease_renewal_threshold = 1.5`,
			config.TemplateConfig{StaticSecretRenderInterval: 5 * time.Minute, MaxConnectionsPerHost: 10, LeaseRenewalThreshold: 0.9}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+aTemplate+"template_config {\n"+test.keys+"\n}\n", config.Overrides{})
			if diff := cmp.Diff(test.want, c.TemplateConfig); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
