// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"strings"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

func TestSame(t *testing.T) {
	t.Parallel()
	const whole = aCertificate + `
  user  = "www-data"
  check { command = ["nginx", "-t"] }
  verify {
    address = ["127.0.0.1:8443"]
    fallback { change_mode = "command", command = ["true"] }
  }
  template {
    contents    = "x"
    destination = "app.conf"
  }`
	base := load(t, inBundle(whole), config.Overrides{}).Bundles[0]
	moved := load(t, "# a line more\n"+inBundle("\n"+whole), config.Overrides{}).Bundles[0]
	if base.Pos == moved.Pos {
		t.Fatal("nothing has moved")
	}
	if !config.Same(base, moved) {
		t.Error("a bundle that was moved is not the same any more")
	}
	for _, change := range [][2]string{
		{`"example.test"`, `"www.example.test"`}, {`user  = "www-data"`, ""}, {`"nginx", "-t"`, `"nginx", "-T"`}, {"8443", "443"},
		{`"true"`, `"false"`}, {`contents    = "x"`, `contents    = "y"`}, {`cert = "tls.crt"`, `cert = "web.crt"`}, {`check { command = ["nginx", "-t"] }`, ""},
		{`common_name = "example.test"`, `common_name = "example.test"` + "\n" + `params = { user_ids = "a" }`},
	} {
		text := strings.Replace(whole, change[0], change[1], 1)
		if text == whole {
			t.Fatalf("%s is not there", change[0])
		}
		other := load(t, inBundle(text), config.Overrides{}).Bundles[0]
		if config.Same(base, other) || config.Same(other, base) {
			t.Errorf("without %s it is still the same", change[0])
		}
	}
}
