// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

// A flag overrides the environment, which overrides the file, which overrides
// the default, for each key.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	const set = "from-"
	tests := map[string]struct {
		block, key, variable, fallback string
		flag                           func(*config.Flags) **string
		got                            func(*config.Config) string
	}{
		"address": {"vault", "address", "VAULT_ADDR", "https://127.0.0.1:8200",
			func(f *config.Flags) **string { return &f.Address }, func(c *config.Config) string { return c.Vault.Address }},
		"ca_cert": {"vault", "ca_cert", "VAULT_CACERT", "",
			func(f *config.Flags) **string { return &f.CACert }, func(c *config.Config) string { return c.Vault.CACert }},
		"ca_path": {"vault", "ca_path", "VAULT_CAPATH", "",
			func(f *config.Flags) **string { return &f.CAPath }, func(c *config.Config) string { return c.Vault.CAPath }},
		"client_cert": {"vault", "client_cert", "VAULT_CLIENT_CERT", "",
			func(f *config.Flags) **string { return &f.ClientCert }, func(c *config.Config) string { return c.Vault.ClientCert }},
		"client_key": {"vault", "client_key", "VAULT_CLIENT_KEY", "",
			func(f *config.Flags) **string { return &f.ClientKey }, func(c *config.Config) string { return c.Vault.ClientKey }},
		"tls_server_name": {"vault", "tls_server_name", "VAULT_TLS_SERVER_NAME", "",
			func(f *config.Flags) **string { return &f.TLSServerName }, func(c *config.Config) string { return c.Vault.TLSServerName }},
		"log_file": {"", "log_file", "", "",
			func(f *config.Flags) **string { return &f.LogFile }, func(c *config.Config) string { return c.Log.File }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := test.key + " = \"" + set + "file\"\n"
			if test.block != "" {
				file = test.block + " {\n" + file + "}\n"
			}
			variables := env{}
			if test.variable != "" {
				variables[test.variable] = set + "environment"
			}
			var flags config.Flags
			*test.flag(&flags) = ptr(set + "flag")

			check := func(want, file string, o config.Overrides) {
				t.Helper()
				if got := test.got(load(t, login+aTemplate+file, o)); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			check(test.fallback, "", config.Overrides{})
			check(set+"file", file, config.Overrides{})
			if test.variable != "" {
				check(set+"environment", file, config.Overrides{LookupEnv: variables.lookup})
				// Set but empty counts as the default.
				check(test.fallback, file, config.Overrides{LookupEnv: env{test.variable: ""}.lookup})
			}
			check(set+"flag", file, config.Overrides{Flags: flags, LookupEnv: variables.lookup})
		})
	}
}

func TestOtherOverrides(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file  string
		env   env
		flags config.Flags
		got   func(*config.Config) any
		want  any
	}{
		"skip_verify by environment": {"vault {\n tls_skip_verify = true\n}\n", env{"VAULT_SKIP_VERIFY": "0"}, config.Flags{},
			func(c *config.Config) any { return c.Vault.TLSSkipVerify }, false},
		"skip_verify, empty": {"vault {\n tls_skip_verify = true\n}\n", env{"VAULT_SKIP_VERIFY": ""}, config.Flags{},
			func(c *config.Config) any { return c.Vault.TLSSkipVerify }, false},
		"skip_verify by flag": {"", env{"VAULT_SKIP_VERIFY": "false"}, config.Flags{TLSSkipVerify: ptr(true)},
			func(c *config.Config) any { return c.Vault.TLSSkipVerify }, true},
		"exit_after_auth off by flag": {"exit_after_auth = true\n", nil, config.Flags{ExitAfterAuth: ptr(false)},
			func(c *config.Config) any { return c.ExitAfterAuth }, false},
		"log level by environment": {"log_level = \"debug\"\n", env{"VAULT_LOG_LEVEL": "err"}, config.Flags{},
			func(c *config.Config) any { return c.Log.Level }, "error"},
		"log level, empty": {"log_level = \"debug\"\n", env{"VAULT_LOG_LEVEL": ""}, config.Flags{},
			func(c *config.Config) any { return c.Log.Level }, "info"},
		"log level by flag": {"log_level = \"debug\"\n", env{"VAULT_LOG_LEVEL": "err"}, config.Flags{LogLevel: ptr("trace")},
			func(c *config.Config) any { return c.Log.Level }, "trace"},
		"a wrong log level that is overridden": {"log_level = \"loud\"\n", nil, config.Flags{LogLevel: ptr("warn")},
			func(c *config.Config) any { return c.Log.Level }, "warn"},
		"log format by environment": {"", env{"VAULT_LOG_FORMAT": "json"}, config.Flags{},
			func(c *config.Config) any { return c.Log.Format }, "json"},
		"rotation by flag": {"log_rotate_bytes = 1\nlog_rotate_duration = \"1h\"\n", nil,
			config.Flags{LogRotateBytes: ptr(2), LogRotateMaxFiles: ptr(3), LogRotateDuration: ptr("2h")},
			func(c *config.Config) any {
				return []any{c.Log.RotateBytes, c.Log.RotateMaxFiles, c.Log.RotateDuration}
			},
			[]any{2, 3, 2 * time.Hour}},
		"subsystems by environment": {"disable_keep_alives = [\"caching\"]\n", env{"VAULT_AGENT_DISABLE_KEEP_ALIVES": "Templating,auto-auth,"}, config.Flags{},
			func(c *config.Config) any { return c.DisableKeepAlives }, []string{"templating", "auto-auth"}},
		"subsystems, empty": {"disable_idle_connections = [\"caching\"]\n", env{"VAULT_AGENT_DISABLE_IDLE_CONNECTIONS": ""}, config.Flags{},
			func(c *config.Config) any { return c.DisableIdleConnections }, []string{"caching"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+aTemplate+test.file, config.Overrides{Flags: test.flags, LookupEnv: test.env.lookup})
			if diff := cmp.Diff(test.want, test.got(c)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamespace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		vault, method, variable string
		flag                    *string
		requests, login         string
	}{
		"none":                    {},
		"vault":                   {vault: "v", requests: "v", login: "v"},
		"method":                  {method: "m", requests: "m/", login: "m/"},
		"both":                    {vault: "v", method: "m", requests: "v", login: "m/"},
		"environment":             {vault: "v", method: "m", variable: "e", requests: "e", login: "e"},
		"flag":                    {vault: "v", method: "m", variable: "e", flag: ptr("f"), requests: "f", login: "f"},
		"flag, empty":             {vault: "v", method: "m", variable: "e", flag: ptr(""), requests: "v", login: "m/"},
		"environment, empty":      {vault: "v", variable: "", requests: "v", login: "v"},
		"slashes of the method's": {method: "/a/b/", requests: "a/b/", login: "a/b/"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, `
vault {
  namespace = "`+test.vault+`"
}
auto_auth {
  method "cert" {
    namespace = "`+test.method+`"
  }
}`+aTemplate, config.Overrides{Flags: config.Flags{Namespace: test.flag}, LookupEnv: env{"VAULT_NAMESPACE": test.variable}.lookup})
			if c.Vault.Namespace != test.requests || c.AutoAuth.Method.Namespace != test.login {
				t.Errorf("requests %q, login %q; want %q, %q", c.Vault.Namespace, c.AutoAuth.Method.Namespace, test.requests, test.login)
			}
		})
	}
}

func TestEnvironmentProblems(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		variable, set string
		want          string
	}{
		"skip_verify": {"VAULT_SKIP_VERIFY", "yes", "environment: VAULT_SKIP_VERIFY: must be a bool, not \"yes\"\n  hint: write true or false"},
		"empty":       {"VAULT_CACERT", "", "warning: environment: VAULT_CACERT: is set but empty, and overrides the value in the file\n  hint: unset it"},
		"subsystem":   {"VAULT_AGENT_DISABLE_KEEP_ALIVES", "caches", "environment: VAULT_AGENT_DISABLE_KEEP_ALIVES: unknown value \"caches\"\n  hint: write \"auto-auth\", \"caching\", \"proxying\" or \"templating\""},
		"log level":   {"VAULT_LOG_LEVEL", "loud", "environment: VAULT_LOG_LEVEL: unknown log level\n  hint: write trace, debug, info, warn or error"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"a.hcl": login + aTemplate + "vault {\n ca_cert = \"/a\"\n}\n"})
			_, problems := config.Load([]string{dir}, config.Overrides{LookupEnv: env{test.variable: test.set}.lookup})
			if diff := cmp.Diff(test.want, problems.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
