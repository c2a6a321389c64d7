// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent"
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
  certificate: pki/sign/web, private key made on this host and never sent
  publish: by one symlink rename; opening the directory gives one complete set
  check: nginx -t; a failure restores the previous generation
  change: SIGHUP to /run/nginx.pid
  verify: TLS handshakes with 127.0.0.1:443, unix:/run/tls.sock; fallback: command systemctl restart nginx
bundle files
  certificate: pki/issue/web, private key made by Vault and sent to this host
  publish: file by file, crash-safe; a reader may see a mixed set for a moment
  check: app check; a failure restores the previous files, except after a crash
  change: none
bundle one
  certificate: pki/sign/web, private key made on this host and never sent
  publish: one file, by one rename
  change: none
`
	if diff := cmp.Diff(want, summary); diff != "" || len(errs.Errors()) > 0 {
		t.Errorf("(-want +got):\n%s%v", diff, errs)
	}
}

// Owners that do not exist on this host are found before anything is started.
func TestCheckFindsOwners(t *testing.T) {
	w := newWorld(t)
	errs := agent.CheckHost(w.load(loginBlocks + `
bundle "web" {
  directory = "/etc/nginx/tls"
  user      = "nobody-of-that-name"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
}`))
	if len(errs.Errors()) == 0 {
		t.Error("nothing was found")
	}
}
