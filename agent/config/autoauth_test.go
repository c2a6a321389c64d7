// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

const aTemplate = `
template {
  contents    = "x"
  destination = "/run/x"
}
`

func TestMethods(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method string
		want   config.Method
	}{
		"approle": {`method "approle" {
			config = { role_id_file_path = "/r", secret_id_file_path = "/s", remove_secret_id_file_after_reading = "false",
				secret_id_response_wrapping_path = "auth/approle/role/x/secret-id" }
		}`, config.Method{Type: "approle", MountPath: "auth/approle", AppRole: &config.AppRole{
			RoleIDFile: "/r", SecretIDFile: "/s", SecretIDWrappingPath: "auth/approle/role/x/secret-id"}}},
		"approle, role only": {`method "approle" {
			config = { role_id_file_path = "/r" }
		}`, config.Method{Type: "approle", MountPath: "auth/approle",
			AppRole: &config.AppRole{RoleIDFile: "/r", RemoveSecretIDFile: true}}},
		"token_file": {`method {
			type = "token_file"
			mount_path = "auth/other"
			config = { token_file_path = "/t" }
		}`, config.Method{Type: "token_file", MountPath: "auth/token", TokenFile: &config.TokenFile{Path: "/t"}}},
		"cert": {`method "CERT" {
			config = { name = "web", ca_cert = "/a", client_cert = "/c", client_key = "/k", reload = true, reload_period = 30 }
		}`, config.Method{Type: "cert", MountPath: "auth/cert", Cert: &config.Cert{Name: "web", CACert: "/a",
			ClientCert: "/c", ClientKey: "/k", Reload: true, ReloadPeriod: 30 * time.Second}}},
		"cert, without config": {`method "cert" {
		}`, config.Method{Type: "cert", MountPath: "auth/cert", Cert: &config.Cert{ReloadPeriod: time.Minute}}},
		"jwt": {`method "jwt" {
			config = { path = "/j", role = "web" }
		}`, config.Method{Type: "jwt", MountPath: "auth/jwt", JWT: &config.JWT{Path: "/j", Role: "web",
			RemoveAfterReading: true, ReadPeriod: 500 * time.Millisecond}}},
		"jwt, kept": {`method "jwt" {
			config = { path = "/j", role = "web", remove_jwt_after_reading = 0, remove_jwt_follows_symlinks = 1 }
		}`, config.Method{Type: "jwt", MountPath: "auth/jwt", JWT: &config.JWT{Path: "/j", Role: "web",
			RemoveFollowsSymlinks: true, ReadPeriod: time.Minute}}},
		"kubernetes, and what all have": {`method "kubernetes" {
			mount_path  = "auth/k8s/"
			namespace   = "/a/b"
			min_backoff = "2s"
			max_backoff = 60
			exit_on_err = true
			config { 
				role = "web" 
			}
		}`, config.Method{Type: "kubernetes", MountPath: "auth/k8s", Namespace: "a/b/", MinBackoff: 2 * time.Second,
			MaxBackoff: time.Minute, ExitOnErr: true, Kubernetes: &config.Kubernetes{Role: "web",
				TokenPath: "/var/run/secrets/kubernetes.io/serviceaccount/token"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, "auto_auth {\n"+test.method+"\n}\n"+aTemplate, config.Overrides{})
			if diff := cmp.Diff(test.want, c.AutoAuth.Method, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSinks(t *testing.T) {
	t.Parallel()
	c := load(t, `
auto_auth {
  enable_reauth_on_new_credentials = true
  method "token_file" {
    config = { token_file_path = "/t" }
  }
  sink "file" {
    config = { path = "/one" }
  }
  sink {
    type        = "file"
    wrap_ttl    = "5m"
    dh_type     = "curve25519"
    dh_path     = "/dh"
    derive_key  = true
    aad         = "replaced"
    aad_env_var = "AAD"
    config      = { path = "/two", mode = 0600, owner = 5, group = 6 }
  }
}
`, config.Overrides{LookupEnv: env{"AAD": "from the environment"}.lookup})
	want := []config.Sink{
		{Type: "file", Path: "/one", Mode: 0o640, UID: -1, GID: -1},
		{Type: "file", Path: "/two", Mode: 0o600, UID: 5, GID: 6, WrapTTL: 5 * time.Minute,
			DHType: "curve25519", DHPath: "/dh", DeriveKey: true, AAD: "from the environment"},
	}
	if diff := cmp.Diff(want, c.AutoAuth.Sinks, noPos); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !c.AutoAuth.ReauthOnNewCredentials {
		t.Error("enable_reauth_on_new_credentials was not read")
	}
}

func TestVault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want config.Vault
	}{
		"defaults":         {``, config.Vault{Address: "https://127.0.0.1:8200", NumRetries: 12}},
		"address":          {`address = "https://[2001:0db8::0001]:8200/x"`, config.Vault{Address: "https://[2001:db8::1]:8200/x", NumRetries: 12}},
		"no port":          {`address = "https://[::0001]"`, config.Vault{Address: "https://[::1]", NumRetries: 12}},
		"TLS":              {"ca_cert = \"/a\"\n ca_path = \"/b\"\n client_cert = \"/c\"\n client_key = \"/d\"\n tls_server_name = \"e\"\n tls_skip_verify = \"t\"", config.Vault{Address: "https://127.0.0.1:8200", NumRetries: 12, CACert: "/a", CAPath: "/b", ClientCert: "/c", ClientKey: "/d", TLSServerName: "e", TLSSkipVerify: true}},
		"retries":          {"retry {\n num_retries = \"3\"\n}", config.Vault{Address: "https://127.0.0.1:8200", NumRetries: 3}},
		"retries, default": {"retry {\n num_retries = 0\n}", config.Vault{Address: "https://127.0.0.1:8200", NumRetries: 12}},
		"retries, none":    {"retry {\n num_retries = -5\n}", config.Vault{Address: "https://127.0.0.1:8200", NumRetries: -1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+aTemplate+"vault {\n"+test.keys+"\n}\n", config.Overrides{})
			if diff := cmp.Diff(test.want, c.Vault, noPos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
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

func TestLog(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want config.Log
	}{
		"defaults":  {``, config.Log{Level: "info", Format: "standard"}},
		"all":       {"log_level = \"WARNING\"\n log_format = \"JSON\"\n log_file = \"/l\"\n log_rotate_bytes = \"100\"\n log_rotate_duration = \"1h\"\n log_rotate_max_files = -1", config.Log{Level: "warn", Format: "json", File: "/l", RotateBytes: 100, RotateDuration: time.Hour, RotateMaxFiles: -1}},
		"directory": {`log_file = "/var/log/"`, config.Log{Level: "info", Format: "standard", File: "/var/log/vault.log", RotateDuration: 24 * time.Hour}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+aTemplate+test.keys+"\n", config.Overrides{})
			if diff := cmp.Diff(test.want, c.Log); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
