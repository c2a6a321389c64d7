// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"strings"
	"testing"
)

// webBundle is a bundle of one certificate in a directory, with further keys and
// blocks.
func webBundle(names, keys string) string {
	return `
bundle "web" {
  directory = "DIR/tls"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    ` + names + `
    files       = { cert = "tls.crt", key = "tls.key", ca = "ca.crt", fullchain = "fullchain.pem", combined = "all.pem" }
  }
  ` + keys + `
}
`
}

// signed counts how often a certificate was issued for a key of ours.
func (w *world) signed() int { return w.asked("PUT", "/v1/pki/sign/") }

func TestBundleOfACertificate(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle("", `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]`))
	r.logs("every bundle is published")
	r.logs("change done")
	leaf := w.pair("tls/tls.crt", "tls/tls.key")
	if err := leaf.CheckSignatureFrom(w.leaf("tls/ca.crt")); err != nil {
		t.Error(err)
	}
	w.pair("tls/all.pem", "tls/all.pem")
	w.pair("tls/fullchain.pem", "tls/tls.key")
	for name, want := range map[string]os.FileMode{"tls/tls.key": 0o600, "tls/all.pem": 0o600, "tls/tls.crt": 0o644, "tls/ca.crt": 0o644, "tls": 0o750} {
		if info, err := os.Stat(w.path(name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v (%v)", name, info.Mode().Perm(), want, err)
		}
	}
	if link, err := os.Readlink(w.path("tls/tls.crt")); err != nil || link != "..data/tls.crt" {
		t.Errorf("tls.crt is a link to %q (%v)", link, err)
	}
	if err := r.end(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if got := w.signed(); got != 1 || w.issued() != 0 {
		t.Errorf("%d certificates signed, %d issued with a key of Vault's", got, w.issued())
	}
	if got := w.read("changes"); got != "changed\n" {
		t.Errorf("the command ran %d times, want once", strings.Count(got, "\n"))
	}
}

func TestBundleRenews(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle(`ttl = "4s"`, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]`))
	w.eventually("four generations", func() bool { return r.count("msg=published") >= 4 })
	r.end()
	w.pair("tls/tls.crt", "tls/tls.key")
	if got := strings.Count(w.read("changes"), "changed"); got < 3 {
		t.Errorf("%d reactions to %d generations", got, r.count("msg=published"))
	}
}

func TestBundleRestartIssuesNothing(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + webBundle("", "")
	r := w.start(text)
	r.logs("every bundle is published")
	r.end()
	serial := w.leaf("tls/tls.crt").SerialNumber
	for range 2 {
		r = w.start(text)
		r.logs("the certificate on disk is still good")
		r.logs("every bundle is published")
		r.logs("logged in")
		r.end()
		if r.count("msg=published") != 0 {
			t.Error("a restart published something")
		}
	}
	if got := w.signed(); got != 1 || w.leaf("tls/tls.crt").SerialNumber.Cmp(serial) != 0 {
		t.Errorf("%d certificates over two restarts, want 1", got)
	}
	r = w.start(loginBlocks + webBundle(`alt_names = ["www.example.test"]`, ""))
	r.logs("msg=published")
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates after a changed name, want 2", got)
	}
	if err := w.pair("tls/tls.crt", "tls/tls.key").VerifyHostname("www.example.test"); err != nil {
		t.Error(err)
	}
}
