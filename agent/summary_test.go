// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/bundle"
)

// The summary says which promise a configuration gets.
func TestCheckSaysWhatIsPromised(t *testing.T) {
	w := newWorld(t)
	summary, errs := bundle.Check(w.load(loginBlocks + `
bundle "directory" {
  directory = "/etc/nginx/tls"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
  change_mode = "signal"
  pid_file    = "/run/nginx.pid"
  check  { command = ["nginx", "-t"] }
  verify {
    address = ["127.0.0.1:443", "unix:/run/tls.sock"]
    fallback {
      change_mode = "command"
      command     = ["systemctl", "restart", "nginx"]
    }
  }
}
bundle "files" {
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    key         = "vault"
    files       = { cert = "/etc/app/tls.crt", key = "/etc/app/tls.key" }
  }
  check { command = ["app", "check"] }
}
bundle "one" {
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { combined = "/etc/haproxy/web.pem" }
  }
}`))
	want := `bundle directory
  certificate: pki/sign/web, private key made on this host; it never leaves it
  published: all files by one rename of a link: a reader that opens the directory sees the old set or the new one, whenever a crash comes
  checked: by nginx; if it refuses, the previous generation comes back
  then: SIGHUP to /run/nginx.pid
  verified: by handshakes with 127.0.0.1:443, unix:/run/tls.sock; if the old certificate stays: command systemctl
bundle files
  certificate: pki/issue/web, private key made by Vault; it travels
  published: file by file under a journal: a crash leaves no mixed set, a reader may see one for a moment
  checked: by app; if it refuses, the files from before are published again, unless certagent was killed in between
  then: nothing
bundle one
  certificate: pki/sign/web, private key made on this host; it never leaves it
  published: each file by one rename
  then: nothing
`
	if diff := cmp.Diff(want, summary); diff != "" || len(errs) > 0 {
		t.Errorf("(-want +got):\n%s%v", diff, errs)
	}
}

// Owners that do not exist on this host are found before anything is started.
func TestCheckFindsOwners(t *testing.T) {
	w := newWorld(t)
	_, errs := bundle.Check(w.load(loginBlocks + `
bundle "web" {
  directory = "/etc/nginx/tls"
  user      = "nobody-of-that-name"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
}`))
	if len(errs) == 0 {
		t.Error("nothing was found")
	}
}
