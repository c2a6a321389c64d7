// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/settings"
)

func TestVault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want config.Vault
	}{
		"defaults":         {``, config.Vault{Vault: settings.Vault{Address: "https://127.0.0.1:8200"}, NumRetries: 12}},
		"address":          {`address = "https://[2001:0db8::0001]:8200/x"`, config.Vault{Vault: settings.Vault{Address: "https://[2001:db8::1]:8200/x"}, NumRetries: 12}},
		"no port":          {`address = "https://[::0001]"`, config.Vault{Vault: settings.Vault{Address: "https://[::1]"}, NumRetries: 12}},
		"TLS":              {"ca_cert = \"/a\"\n ca_path = \"/b\"\n client_cert = \"/c\"\n client_key = \"/d\"\n tls_server_name = \"e\"\n tls_skip_verify = \"t\"", config.Vault{Vault: settings.Vault{Address: "https://127.0.0.1:8200", CACert: "/a", CAPath: "/b", ClientCert: "/c", ClientKey: "/d", TLSServerName: "e", TLSSkipVerify: true}, NumRetries: 12}},
		"retries":          {"retry {\n num_retries = \"3\"\n}", config.Vault{Vault: settings.Vault{Address: "https://127.0.0.1:8200"}, NumRetries: 3}},
		"retries, default": {"retry {\n num_retries = 0\n}", config.Vault{Vault: settings.Vault{Address: "https://127.0.0.1:8200"}, NumRetries: 12}},
		"retries, none":    {"retry {\n num_retries = -5\n}", config.Vault{Vault: settings.Vault{Address: "https://127.0.0.1:8200"}, NumRetries: -1}},
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
