// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/settings"
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
		}`, config.Method{Type: "approle", MountPath: "auth/approle", AppRole: &settings.AppRole{
			RoleIDFile: "/r", SecretIDFile: "/s", WrappingPath: "auth/approle/role/x/secret-id"}}},
		"approle, role only": {`method "approle" {
			config = { role_id_file_path = "/r" }
		}`, config.Method{Type: "approle", MountPath: "auth/approle",
			AppRole: &settings.AppRole{RoleIDFile: "/r", RemoveSecretIDFile: true}}},
		"token_file": {`method {
			type = "token_file"
			mount_path = "auth/other"
			config = { token_file_path = "/t" }
		}`, config.Method{Type: "token_file", MountPath: "auth/token", TokenFile: &settings.TokenFile{Path: "/t"}}},
		"cert": {`method "CERT" {
			config = { name = "web", ca_cert = "/a", client_cert = "/c", client_key = "/k", reload = true, reload_period = 30 }
		}`, config.Method{Type: "cert", MountPath: "auth/cert", Cert: &settings.Cert{Name: "web", CACert: "/a",
			ClientCert: "/c", ClientKey: "/k", Reload: true, ReloadPeriod: 30 * time.Second}}},
		"cert, without config": {`method "cert" {
		}`, config.Method{Type: "cert", MountPath: "auth/cert", Cert: &settings.Cert{ReloadPeriod: time.Minute}}},
		"jwt": {`method "jwt" {
			config = { path = "/j", role = "web" }
		}`, config.Method{Type: "jwt", MountPath: "auth/jwt", JWT: &settings.JWT{Path: "/j", Role: "web",
			RemoveAfterReading: true, ReadPeriod: 500 * time.Millisecond}}},
		"jwt, kept": {`method "jwt" {
			config = { path = "/j", role = "web", remove_jwt_after_reading = 0, remove_jwt_follows_symlinks = 1 }
		}`, config.Method{Type: "jwt", MountPath: "auth/jwt", JWT: &settings.JWT{Path: "/j", Role: "web",
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
			MaxBackoff: time.Minute, ExitOnErr: true, Kubernetes: &settings.Kubernetes{Role: "web",
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
