// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/logmsg"
)

func checked(names string) string {
	return webBundle(names, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]
  check { command = ["sh", "-c", "cat DIR/tls/tls.crt >> DIR/checked; test -e DIR/sound"] }`)
}

func TestBundleCheckVetoes(t *testing.T) {
	w := newWorld(t)
	w.write("sound", "")
	r := w.start(loginBlocks + checked(`ttl = "4s"`))
	r.logs(logmsg.ChangeDone)
	if err := os.Remove(w.path("sound")); err != nil {
		t.Fatal(err)
	}
	r.logs(logmsg.CheckFailed)
	r.logs(logmsg.RolledBack)
	before, changes := w.leaf("tls/tls.crt"), w.read("changes")
	w.pair("tls/tls.crt", "tls/tls.key")
	rejected, err := filepath.Glob(w.path("tls/..rejected-*/tls.crt"))
	if err != nil || len(rejected) != 1 {
		t.Errorf("the rejected generation is not kept aside: %v %v", rejected, err)
	}
	if got := w.read("changes"); got != changes {
		t.Error("something reacted to what was rejected")
	}
	w.write("sound", "")
	w.eventually("the new certificate", func() bool { return w.leaf("tls/tls.crt").SerialNumber.Cmp(before.SerialNumber) != 0 })
	w.eventually("the reaction to it", func() bool { return w.read("changes") != changes })
	r.end()
	w.pair("tls/tls.crt", "tls/tls.key")
}

func TestBundleRejectedIsRememberedOverARestart(t *testing.T) {
	w := newWorld(t)
	w.write("sound", "")
	r := w.start(loginBlocks + checked(""))
	r.logs(logmsg.ChangeDone)
	r.end()
	if err := os.Remove(w.path("sound")); err != nil {
		t.Fatal(err)
	}
	other := loginBlocks + checked(`alt_names = ["www.example.test"]`)
	r = w.start(other)
	r.logs(logmsg.RolledBack)
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
	w.write("sound", "")
	r = w.start(other)
	w.eventually("the new name", func() bool { return w.leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	r.logs(logmsg.ChangeDone)
	r.end()
	w.pair("tls/tls.crt", "tls/tls.key")
}

func TestBundleFirstGenerationVetoed(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + checked("") + `
exec { command = ["sh", "-c", "echo started > DIR/child; sleep 60"] }`)
	r.logs(logmsg.NoPrevious)
	w.pair("tls/tls.crt", "tls/tls.key")
	if w.read("changes") != "" || w.read("child") != "" {
		t.Error("something reacted, or the child was started")
	}
	w.write("sound", "")
	r.logs(logmsg.ChangeDone)
	w.eventually("the child", func() bool { return w.read("child") != "" })
	r.end()
	if got := w.signed(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
}

func TestBundleVetoedTwice(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + checked(""))
	r.logs(logmsg.NoPrevious)
	r.end()
	other := loginBlocks + checked(`alt_names = ["www.example.test"]`)
	for range 2 {
		r = w.start(other)
		r.logs(logmsg.CheckFailed)
		r.logs(logmsg.RolledBack)
		r.logs(logmsg.NoPrevious)
		r.end()
	}
	if got := w.read("changes"); got != "" {
		t.Errorf("something reacted: %q", got)
	}
	w.write("sound", "")
	r = w.start(other)
	w.eventually("the new name", func() bool { return w.leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	r.logs(logmsg.ChangeDone)
	r.end()
}

func TestBundleUncheckedIsCheckedAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	w.write("sound", "")
	r := w.start(loginBlocks + checked(""))
	r.logs(logmsg.ChangeDone)
	r.end()
	before := w.leaf("tls/tls.crt")
	slow := strings.ReplaceAll(loginBlocks+checked(`alt_names = ["www.example.test"]`), "test -e DIR/sound", "touch DIR/checking; sleep 60")
	r = w.start(slow)
	w.eventually("the check", func() bool { _, err := os.Stat(w.path("checking")); return err == nil })
	r.end()
	if w.leaf("tls/tls.crt").SerialNumber.Cmp(before.SerialNumber) == 0 {
		t.Fatal("nothing was published")
	}
	if err := os.Remove(w.path("sound")); err != nil {
		t.Fatal(err)
	}
	r = w.start(loginBlocks + checked(`alt_names = ["www.example.test"]`))
	r.logs(logmsg.RolledBack)
	if w.leaf("tls/tls.crt").SerialNumber.Cmp(before.SerialNumber) != 0 {
		t.Error("another generation than the previous one came back")
	}
	if got := strings.Count(w.read("changes"), "changed"); got != 1 {
		t.Errorf("%d reactions, want the first one's", got)
	}
	w.write("sound", "")
	w.eventually("the new name", func() bool { return w.leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	w.eventually("its reaction", func() bool { return strings.Count(w.read("changes"), "changed") == 2 })
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
}

func TestBundleWithoutADirectory(t *testing.T) {
	w := newWorld(t)
	w.write("sound", "")
	bundle := func(names string) string {
		return loginBlocks + `
bundle "web" {
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    ` + names + `
    files       = { cert = "DIR/certs/tls.crt", key = "DIR/private/tls.key" }
  }
  check { command = ["test", "-e", "DIR/sound"] }
  change_mode = "command"
  command     = ["sh", "-c", "echo changed >> DIR/changes"]
}`
	}
	r := w.start(bundle(""))
	r.logs(logmsg.ChangeDone)
	before := w.pair("certs/tls.crt", "private/tls.key")
	r.end()
	r = w.start(bundle(""))
	r.logs(logmsg.CertificateKept)
	r.logs(logmsg.AllPublished)
	r.end()
	if err := os.Remove(w.path("sound")); err != nil {
		t.Fatal(err)
	}
	r = w.start(bundle(`alt_names = ["www.example.test"]`))
	r.logs(logmsg.RolledBack)
	if after := w.pair("certs/tls.crt", "private/tls.key"); after.SerialNumber.Cmp(before.SerialNumber) != 0 {
		t.Error("the certificate from before did not come back")
	}
	w.write("sound", "")
	w.eventually("the new name", func() bool { return w.leaf("certs/tls.crt").VerifyHostname("www.example.test") == nil })
	w.eventually("its reaction", func() bool { return strings.Count(w.read("changes"), "changed") == 2 })
	r.end()
	w.pair("certs/tls.crt", "private/tls.key")
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
}
