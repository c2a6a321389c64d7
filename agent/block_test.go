// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/certagent/certagent/logmsg"
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

func TestBundleOfACertificate(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle("", `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]`))
	r.Says(logmsg.AllPublished)
	r.Says(logmsg.ChangeDone)
	leaf := w.Pair("tls/tls.crt", "tls/tls.key")
	if err := leaf.CheckSignatureFrom(w.Leaf("tls/ca.crt")); err != nil {
		t.Error(err)
	}
	w.Pair("tls/all.pem", "tls/all.pem")
	w.Pair("tls/fullchain.pem", "tls/tls.key")
	for name, want := range map[string]os.FileMode{"tls/tls.key": 0o600, "tls/all.pem": 0o600, "tls/tls.crt": 0o644, "tls/ca.crt": 0o644, "tls": 0o750} {
		if info, err := os.Stat(w.Path(name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v (%v)", name, info.Mode().Perm(), want, err)
		}
	}
	if link, err := os.Readlink(w.Path("tls/tls.crt")); err != nil || link != "..data/tls.crt" {
		t.Errorf("tls.crt is a link to %q (%v)", link, err)
	}
	if err := r.end(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if got := w.signed(); got != 1 || w.issued() != 0 {
		t.Errorf("%d certificates signed, %d issued with a key of Vault's", got, w.issued())
	}
	if got := w.Read("changes"); got != "changed\n" {
		t.Errorf("the command ran %d times, want once", strings.Count(got, "\n"))
	}
}

func TestBundleRenews(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + webBundle(`ttl = "4s"`, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]`))
		w.Eventually("four generations", func() bool { return r.Count("msg="+logmsg.Published) >= 4 })
		r.end()
		w.Pair("tls/tls.crt", "tls/tls.key")
		if got := strings.Count(w.Read("changes"), "changed"); got < 3 {
			t.Errorf("%d reactions to %d generations", got, r.Count("msg="+logmsg.Published))
		}
	})
}

func TestBundleRestartIssuesNothing(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + webBundle("", "")
	r := w.start(text)
	r.Says(logmsg.AllPublished)
	r.end()
	serial := w.Leaf("tls/tls.crt").SerialNumber
	for range 2 {
		r = w.start(text)
		r.Says(logmsg.CertificateKept)
		r.Says(logmsg.AllPublished)
		r.Says(logmsg.LoggedIn)
		r.end()
		if r.Count("msg="+logmsg.Published) != 0 {
			t.Error("a restart published something")
		}
	}
	if got := w.signed(); got != 1 || w.Leaf("tls/tls.crt").SerialNumber.Cmp(serial) != 0 {
		t.Errorf("%d certificates over two restarts, want 1", got)
	}
	r = w.start(loginBlocks + webBundle(`alt_names = ["www.example.test"]`, ""))
	r.Says("msg=" + logmsg.Published)
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates after a changed name, want 2", got)
	}
	if err := w.Pair("tls/tls.crt", "tls/tls.key").VerifyHostname("www.example.test"); err != nil {
		t.Error(err)
	}
}

// A change that cannot be made is owed across a restart, and runs once then.

func TestBundleOwesAcrossARestart(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + webBundle("", `change_mode = "command"
  command = ["sh", "-c", "test -e DIR/works && echo changed >> DIR/changes"]`)
	r := w.start(text)
	r.Says(logmsg.ChangeFailed)
	r.end()
	w.Write("works", "")
	r = w.start(text)
	r.Says(logmsg.ChangePending)
	r.Says(logmsg.ChangeDone)
	r.end()
	if got := w.Read("changes"); got != "changed\n" {
		t.Errorf("the command ran %d times", strings.Count(got, "\n"))
	}
	if got := w.signed(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
}

// checked is a bundle whose check passes only while the file "sound" is there.

// The agent is stopped after a veto: it does not ask for another certificate than

// the next one, and publishes it once the consumer is repaired.

// Nothing was there before: there is nothing to go back to, and the child does

// not start.

// What never passed its check is nothing to react to, even if it is what comes

// back when a later generation is vetoed.

// Killed between publishing and its check, the agent checks at the next start.

// fleet is a number of bundles with one and the same reaction.

// Without a directory the files go where they belong, one by one; a veto brings

// the contents from before back.

// Whoever had three templates and writes a bundle in their place keeps the

// certificate: the plain files are taken over.

func TestBundleTakesOverPlainFiles(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(w.Path("tls"), 0o755); err != nil {
		t.Fatal(err)
	}
	templates := strings.NewReplacer("DIR/ca.crt", "DIR/tls/ca.crt", "DIR/tls.crt", "DIR/tls/tls.crt", "DIR/tls.key", "DIR/tls/tls.key").Replace(threeTemplates("", ""))
	r := w.start(loginBlocks + templates)
	r.Says(logmsg.AllPublished)
	r.end()
	before := w.Pair("tls/tls.crt", "tls/tls.key")
	r = w.start(loginBlocks + webBundle("", ""))
	r.Says(logmsg.AllPublished)
	r.end()
	if after := w.Pair("tls/tls.crt", "tls/tls.key"); after.SerialNumber.Cmp(before.SerialNumber) != 0 || w.signed() != 0 {
		t.Errorf("%d certificates were issued", w.signed())
	}
	if link, err := os.Readlink(w.Path("tls/tls.key")); err != nil || link != "..data/tls.key" {
		t.Errorf("tls.key is a link to %q (%v)", link, err)
	}
}

// A new default issuer has the certificate replaced at once, and the trust bundle

// holds both CAs until the old certificate is gone.

// What is issued again and again is stopped.

// A capture of all requests over several rotations, a restart and a reused key

// holds no private key in any form.

// A record that is lost, damaged or of another version is rebuilt from the

// certificates on disk.

func TestBundleRecordIsRebuilt(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"missing":         os.Remove,
		"empty":           func(path string) error { return os.Truncate(path, 0) },
		"cut off":         func(path string) error { return os.Truncate(path, 40) },
		"no JSON":         func(path string) error { return os.WriteFile(path, []byte("spoilt"), 0o600) },
		"another version": func(path string) error { return replace(path, `"version":1`, `"version":99`) },
		"another payload": func(path string) error { return replace(path, `"payload":{`, `"payload":{"certificates":"many",`) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			text := loginBlocks + webBundle("", "")
			r := w.start(text)
			r.Says(logmsg.AllPublished)
			r.end()
			if err := spoil(w.Path("tls/..gen-1.json")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r = w.start(text)
				r.Says(logmsg.CertificateKept)
				r.Says(logmsg.AllPublished)
				r.Says(logmsg.LoggedIn)
				r.end()
			}
			w.Pair("tls/tls.crt", "tls/tls.key")
			if got := w.signed(); got != 1 {
				t.Errorf("%d certificates, want 1", got)
			}
		})
	}
}

func replace(path, from, to string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(content), from, to, 1)
	if changed == string(content) {
		return fmt.Errorf("%s is not in %s", from, content)
	}
	return os.WriteFile(path, []byte(changed), 0o600)
}

func TestBundleOfSeveralMembers(t *testing.T) {
	w := newWorld(t)
	w.PutKV("app", map[string]any{"password": "one"})
	w.Write("note.tpl", "first")
	r := w.start(loginBlocks + `
template_config { static_secret_render_interval = "1s" }
bundle "web" {
  directory = "DIR/tls"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { cert = "tls.crt", key = "tls.key" }
  }
  certificate {
    role        = "pki/web"
    common_name = "admin.test"
    key         = "vault"
    files       = { cert = "admin/tls.crt", key = "admin/tls.key" }
  }
  template {
    contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
    destination = "password"
    perms       = "0600"
  }
  template {
    source      = "DIR/note.tpl"
    destination = "note"
  }
  change_mode = "command"
  command     = ["sh", "-c", "echo changed >> DIR/changes"]
}`)
	r.Says(logmsg.ChangeDone)
	w.Pair("tls/tls.crt", "tls/tls.key")
	w.Pair("tls/admin/tls.crt", "tls/admin/tls.key")
	if w.Read("tls/password") != "one" || w.Read("tls/note") != "first" {
		t.Error("the templates are not there")
	}
	if got := r.Count("msg=" + logmsg.Published); got != 1 {
		t.Errorf("%d generations for the first set, want 1", got)
	}
	serial := w.Leaf("tls/tls.crt").SerialNumber
	w.PutKV("app", map[string]any{"password": "two"})
	w.Eventually("the new password", func() bool { return w.Read("tls/password") == "two" })
	w.Eventually("its change", func() bool { return strings.Count(w.Read("changes"), "changed") == 2 }) // one for both, if they come together
	w.Write("note.tpl", "second")
	w.Eventually("the new note", func() bool { return w.Read("tls/note") == "second" })
	w.Eventually("three changes", func() bool { return strings.Count(w.Read("changes"), "changed") == 3 })
	r.end()
	if w.signed() != 1 || w.issued() != 1 || w.Leaf("tls/tls.crt").SerialNumber.Cmp(serial) != 0 {
		t.Errorf("%d certificates signed and %d issued, want one each", w.signed(), w.issued())
	}
}

// Vault is sealed from before the renewal until after the certificate's end.
