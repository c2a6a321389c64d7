// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"

	"github.com/certagent/certagent/agent/config"
)

// With several certificates, server_name selects the served one, also by a
// wildcard name.
func TestVerifiedOfSeveral(t *testing.T) {
	t.Parallel()
	for _, names := range []string{`common_name = "b.test"`, `alt_names = ["a.test", "B.test"]`, `alt_names = "*.test"`} {
		c := load(t, inBundle(aCertificate+"certificate {\n role = \"pki/web\"\n"+names+"\n"+
			"files = { pkcs12 = \"b.p12\" }\n password = { file = \"/p\" }\n}\n"+
			"verify {\n address = \"127.0.0.1:8443\"\n server_name = \"b.test\"\n}"), config.Overrides{})
		if got := c.Bundles[0].Verify.ServerName; got != "b.test" {
			t.Errorf("%s: got %q", names, got)
		}
	}
}
