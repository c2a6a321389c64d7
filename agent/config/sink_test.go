// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

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
