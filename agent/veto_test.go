// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

func checked(names string) string {
	return webBundle(names, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]
  check { command = ["sh", "-c", "cat DIR/tls/tls.crt >> DIR/checked; test -e DIR/sound"] }`)
}

func TestBundleCheckVetoes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Write("sound", "")
		r := w.start(loginBlocks + checked(`ttl = "4s"`))
		r.Says(logmsg.ChangeDone)
		if err := os.Remove(w.Path("sound")); err != nil {
			t.Fatal(err)
		}
		r.Says(logmsg.CheckFailed)
		r.Says(logmsg.RolledBack)
		before, changes := w.Leaf("tls/tls.crt"), w.Read("changes")
		w.Pair("tls/tls.crt", "tls/tls.key")
		rejected, err := filepath.Glob(w.Path("tls/..rejected-*/tls.crt"))
		if err != nil || len(rejected) != 1 {
			t.Errorf("the rejected generation is not kept aside: %v %v", rejected, err)
		}
		if got := w.Read("changes"); got != changes {
			t.Error("something reacted to what was rejected")
		}
		w.Write("sound", "")
		w.Eventually("the new certificate", func() bool { return w.Leaf("tls/tls.crt").SerialNumber.Cmp(before.SerialNumber) != 0 })
		w.Eventually("the reaction to it", func() bool { return w.Read("changes") != changes })
		r.end()
		w.Pair("tls/tls.crt", "tls/tls.key")
	})
}

// A check that fails again and again is logged at some attempts only. Each rollback
// says why all the same.
func TestEachRollbackSaysWhy(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Write("sound", "")
		r := w.start(loginBlocks + checked(`ttl = "4s"`))
		r.Says(logmsg.ChangeDone)
		if err := os.Remove(w.Path("sound")); err != nil {
			t.Fatal(err)
		}
		r.SaysTimes(logmsg.RolledBack, 3)
		if got := r.Count(logmsg.RolledBack + `".* error=".*exit code 1`); got < 3 {
			t.Errorf("%d rollbacks say why", got)
		}
		r.end()
	})
}

// After a rollback, what is verified is not the newest certificate: the last line is not
// the happy one, also after a restart.
func TestPreviousServedIsNoHappyLine(t *testing.T) {
	w := newWorld(t)
	w.Write("sound", "")
	address := w.serveFromDisk()
	text := func(names string) string {
		return loginBlocks + webBundle(names, fmt.Sprintf(`check { command = ["sh", "-c", "test -e DIR/sound || { echo unknown directive; exit 1; }"] }
  verify {
    address     = %q
    server_name = "example.test"
  }`, address))
	}
	r := w.start(text(""))
	r.Says(logmsg.Verified)
	r.end()
	if err := os.Remove(w.Path("sound")); err != nil {
		t.Fatal(err)
	}
	r = w.start(text(`alt_names = ["www.example.test"]`))
	r.Says(logmsg.RolledBack)
	r.Says(`level=WARN msg="` + logmsg.PreviousServed + `" bundle=web serial=.* expires=.* because="the check refuses its successor: .*unknown directive`)
	if text := r.String(); strings.LastIndex(text, logmsg.Verified) > strings.Index(text, logmsg.RolledBack) {
		t.Error("verified after a rollback")
	}
	r.end()
	happy := r.Count(logmsg.Verified)
	if happy > 1 { // the one that an earlier run left, before its successor was there
		t.Errorf("verified %d times", happy)
	}
	w.Write("sound", "")
	r = w.start(text(`alt_names = ["www.example.test"]`))
	w.Eventually("the new name", func() bool { return w.Leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	w.Eventually("the happy line", func() bool {
		return strings.LastIndex(r.String(), logmsg.Verified) > strings.LastIndex(r.String(), "msg="+logmsg.Published)
	})
	r.end()
}

// serveFromDisk serves the certificate that is on disk at each handshake, and returns
// the address.
func (w *world) serveFromDisk() string {
	w.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(w.Path("tls/fullchain.pem"), w.Path("tls/tls.key"))
		return &pair, err
	}})
	w.Check(err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	w.Cleanup(func() { server.Close(); <-done })
	return listener.Addr().String()
}

func TestBundleRejectedIsRememberedOverARestart(t *testing.T) {
	w := newWorld(t)
	w.Write("sound", "")
	r := w.start(loginBlocks + checked(""))
	r.Says(logmsg.ChangeDone)
	r.end()
	if err := os.Remove(w.Path("sound")); err != nil {
		t.Fatal(err)
	}
	other := loginBlocks + checked(`alt_names = ["www.example.test"]`)
	r = w.start(other)
	r.Says(logmsg.RolledBack)
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
	w.Write("sound", "")
	r = w.start(other)
	w.Eventually("the new name", func() bool { return w.Leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	r.Says(logmsg.ChangeDone)
	r.end()
	w.Pair("tls/tls.crt", "tls/tls.key")
}

func TestBundleFirstGenerationVetoed(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + checked("") + `
exec { command = ["sh", "-c", "echo started > DIR/child; sleep 60"] }`)
	r.Says(logmsg.NoPrevious)
	w.Pair("tls/tls.crt", "tls/tls.key")
	if w.Read("changes") != "" || w.Read("child") != "" {
		t.Error("something reacted, or the child was started")
	}
	w.Write("sound", "")
	r.Says(logmsg.ChangeDone)
	w.Eventually("the child", func() bool { return w.Read("child") != "" })
	r.end()
	if got := w.signed(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
}

func TestBundleVetoedTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + checked(""))
		r.Says(logmsg.NoPrevious)
		r.end()
		other := loginBlocks + checked(`alt_names = ["www.example.test"]`)
		for range 2 {
			r = w.start(other)
			r.Says(logmsg.CheckFailed)
			r.Says(logmsg.RolledBack)
			r.Says(logmsg.NoPrevious)
			r.end()
		}
		if got := w.Read("changes"); got != "" {
			t.Errorf("something reacted: %q", got)
		}
		w.Write("sound", "")
		r = w.start(other)
		w.Eventually("the new name", func() bool { return w.Leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
		r.Says(logmsg.ChangeDone)
		r.end()
	})
}

func TestBundleUncheckedIsCheckedAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	w.Write("sound", "")
	r := w.start(loginBlocks + checked(""))
	r.Says(logmsg.ChangeDone)
	r.end()
	before := w.Leaf("tls/tls.crt")
	slow := strings.ReplaceAll(loginBlocks+checked(`alt_names = ["www.example.test"]`), "test -e DIR/sound", "touch DIR/checking; sleep 60")
	r = w.start(slow)
	w.Eventually("the check", func() bool { _, err := os.Stat(w.Path("checking")); return err == nil })
	r.end()
	if w.Leaf("tls/tls.crt").SerialNumber.Cmp(before.SerialNumber) == 0 {
		t.Fatal("nothing was published")
	}
	if err := os.Remove(w.Path("sound")); err != nil {
		t.Fatal(err)
	}
	r = w.start(loginBlocks + checked(`alt_names = ["www.example.test"]`))
	r.Says(logmsg.RolledBack)
	if w.Leaf("tls/tls.crt").SerialNumber.Cmp(before.SerialNumber) != 0 {
		t.Error("another generation than the previous one came back")
	}
	if got := strings.Count(w.Read("changes"), "changed"); got != 1 {
		t.Errorf("%d reactions, want the first one's", got)
	}
	w.Write("sound", "")
	w.Eventually("the new name", func() bool { return w.Leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	w.Eventually("its reaction", func() bool { return strings.Count(w.Read("changes"), "changed") == 2 })
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
}

// The agent is stopped before the check, and the next one vetoes what counts as fresh:
// it is published again, and not only when it is due.
func TestBundleFreshAndVetoedIsPublishedAgain(t *testing.T) {
	w := newWorld(t)
	w.Write("sound", "")
	bundle := func(name, check string) string {
		return loginBlocks + `
bundle "web" {
  directory = "DIR/tls"
  template {
    contents    = "{{ with pkiCert \"pki/issue/web\" \"common_name=` + name + `\" }}{{ .Cert }}{{ .CA }}{{ .Key }}{{ end }}"
    destination = "tls.pem"
  }
  check { command = ["sh", "-c", "` + check + `"] }
  change_mode = "command"
  command     = ["sh", "-c", "echo changed >> DIR/changes"]
}`
	}
	const sound = "test -e DIR/sound"
	r := w.start(bundle("example.test", sound))
	r.Says(logmsg.ChangeDone)
	r.end()
	r = w.start(bundle("www.example.test", "touch DIR/checking; sleep 60"))
	w.Eventually("the check", func() bool { _, err := os.Stat(w.Path("checking")); return err == nil })
	r.end()
	if err := os.Remove(w.Path("sound")); err != nil {
		t.Fatal(err)
	}
	r = w.start(bundle("www.example.test", sound))
	r.Says(logmsg.FilesKept)
	r.Says(logmsg.RolledBack)
	if got := w.Leaf("tls/tls.pem").Subject.CommonName; got != "example.test" {
		t.Errorf("%s came back", got)
	}
	w.Write("sound", "")
	w.Eventually("the new name", func() bool { return w.Leaf("tls/tls.pem").Subject.CommonName == "www.example.test" })
	w.Eventually("its reaction", func() bool { return strings.Count(w.Read("changes"), "changed") == 2 })
	r.end()
}

func TestBundleWithoutADirectory(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.Write("sound", "")
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
		r.Says(logmsg.ChangeDone)
		before := w.Pair("certs/tls.crt", "private/tls.key")
		r.end()
		r = w.start(bundle(""))
		r.Says(logmsg.CertificateKept)
		r.Says(logmsg.AllPublished)
		r.end()
		if r.Count(logmsg.ChangePending) > 0 {
			t.Error("the change is still owed after it was made")
		}
		if err := os.Remove(w.Path("sound")); err != nil {
			t.Fatal(err)
		}
		r = w.start(bundle(`alt_names = ["www.example.test"]`))
		r.Says(logmsg.RolledBack)
		if after := w.Pair("certs/tls.crt", "private/tls.key"); after.SerialNumber.Cmp(before.SerialNumber) != 0 {
			t.Error("the certificate from before did not come back")
		}
		w.Write("sound", "")
		w.Eventually("the new name", func() bool { return w.Leaf("certs/tls.crt").VerifyHostname("www.example.test") == nil })
		w.Eventually("its reaction", func() bool { return strings.Count(w.Read("changes"), "changed") == 2 })
		r.end()
		w.Pair("certs/tls.crt", "private/tls.key")
		if got := w.signed(); got != 2 {
			t.Errorf("%d certificates, want 2", got)
		}
	})
}
