// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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

// A change that cannot be made is owed across a restart, and runs once then.
func TestBundleOwesAcrossARestart(t *testing.T) {
	w := newWorld(t)
	text := loginBlocks + webBundle("", `change_mode = "command"
  command = ["sh", "-c", "test -e DIR/works && echo changed >> DIR/changes"]`)
	r := w.start(text)
	r.logs("change failed; it stays owed")
	r.end()
	w.write("works", "")
	r = w.start(text)
	r.logs("a change of an earlier run is still owed")
	r.logs("change done")
	r.end()
	if got := w.read("changes"); got != "changed\n" {
		t.Errorf("the command ran %d times", strings.Count(got, "\n"))
	}
	if got := w.signed(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
}

// checked is a bundle whose check passes only while the file "sound" is there.
func checked(names string) string {
	return webBundle(names, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]
  check { command = ["sh", "-c", "cat DIR/tls/tls.crt >> DIR/checked; test -e DIR/sound"] }`)
}

func TestBundleCheckVetoes(t *testing.T) {
	w := newWorld(t)
	w.write("sound", "")
	r := w.start(loginBlocks + checked(`ttl = "4s"`))
	r.logs("change done")
	if err := os.Remove(w.path("sound")); err != nil {
		t.Fatal(err)
	}
	r.logs("the check refuses what was published")
	r.logs("went back to the previous generation")
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

// The agent is stopped after a veto: it does not ask for another certificate than
// the next one, and publishes it once the consumer is repaired.
func TestBundleRejectedIsRememberedOverARestart(t *testing.T) {
	w := newWorld(t)
	w.write("sound", "")
	r := w.start(loginBlocks + checked(""))
	r.logs("change done")
	r.end()
	if err := os.Remove(w.path("sound")); err != nil {
		t.Fatal(err)
	}
	other := loginBlocks + checked(`alt_names = ["www.example.test"]`)
	r = w.start(other)
	r.logs("went back to the previous generation")
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
	w.write("sound", "")
	r = w.start(other)
	w.eventually("the new name", func() bool { return w.leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	r.logs("change done")
	r.end()
	w.pair("tls/tls.crt", "tls/tls.key")
}

// Nothing was there before: there is nothing to go back to, and the child does
// not start.
func TestBundleFirstGenerationVetoed(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + checked("") + `
exec { command = ["sh", "-c", "echo started > DIR/child; sleep 60"] }`)
	r.logs("there is no previous generation to go back to")
	w.pair("tls/tls.crt", "tls/tls.key")
	if w.read("changes") != "" || w.read("child") != "" {
		t.Error("something reacted, or the child was started")
	}
	w.write("sound", "")
	r.logs("change done")
	w.eventually("the child", func() bool { return w.read("child") != "" })
	r.end()
	if got := w.signed(); got != 1 {
		t.Errorf("%d certificates, want 1", got)
	}
}

// What never passed its check is nothing to react to, even if it is what comes
// back when a later generation is vetoed.
func TestBundleVetoedTwice(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + checked(""))
	r.logs("there is no previous generation to go back to")
	r.end()
	other := loginBlocks + checked(`alt_names = ["www.example.test"]`)
	for range 2 {
		r = w.start(other)
		r.logs("the check refuses what was published")
		r.logs("went back to the previous generation")
		r.logs("there is no previous generation to go back to")
		r.end()
	}
	if got := w.read("changes"); got != "" {
		t.Errorf("something reacted: %q", got)
	}
	w.write("sound", "")
	r = w.start(other)
	w.eventually("the new name", func() bool { return w.leaf("tls/tls.crt").VerifyHostname("www.example.test") == nil })
	r.logs("change done")
	r.end()
}

// Killed between publishing and its check, the agent checks at the next start.
func TestBundleUncheckedIsCheckedAtTheNextStart(t *testing.T) {
	w := newWorld(t)
	w.write("sound", "")
	r := w.start(loginBlocks + checked(""))
	r.logs("change done")
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
	r.logs("went back to the previous generation")
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

// fleet is a number of bundles with one and the same reaction.
func fleet(n int, names, keys string) string {
	var text strings.Builder
	text.WriteString(loginBlocks)
	for i := range n {
		text.WriteString(strings.NewReplacer(`"web"`, fmt.Sprintf(`"web%d"`, i), "DIR/tls", fmt.Sprintf("DIR/tls%d", i)).Replace(
			webBundle(names, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]
  `+keys)))
	}
	return text.String()
}

func TestEqualChangesOfManyBundlesRunOnce(t *testing.T) {
	w := newWorld(t)
	r := w.start(fleet(20, "", `debounce = "3s"`))
	w.eventually("all changes", func() bool { return r.count(`msg="change done"`) == 20 })
	r.end()
	if got := strings.Count(w.read("changes"), "changed"); got != 1 {
		t.Errorf("20 bundles that changed together reacted %d times", got)
	}
}

func TestMinIntervalSpacesChanges(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle(`ttl = "3s"`, `change_mode = "command"
  command      = ["sh", "-c", "date +%s.%N >> DIR/changes"]
  min_interval = "5s"`))
	w.eventually("three changes", func() bool { return strings.Count(w.read("changes"), "\n") >= 3 })
	r.end()
	if published := r.count("msg=published"); published < 4 {
		t.Errorf("only %d generations: the interval did not hold anything up", published)
	}
	var last float64
	for line := range strings.Lines(w.read("changes")) {
		at, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if err != nil {
			t.Fatal(err)
		}
		if at-last < 4.5 {
			t.Errorf("two changes are %v s apart", at-last)
		}
		last = at
	}
}

// Without a directory the files go where they belong, one by one; a veto brings
// the contents from before back.
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
	r.logs("change done")
	before := w.pair("certs/tls.crt", "private/tls.key")
	r.end()
	r = w.start(bundle(""))
	r.logs("the certificate on disk is still good")
	r.logs("every bundle is published")
	r.end()
	if err := os.Remove(w.path("sound")); err != nil {
		t.Fatal(err)
	}
	r = w.start(bundle(`alt_names = ["www.example.test"]`))
	r.logs("went back to the previous generation")
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

// Whoever had three templates and writes a bundle in their place keeps the
// certificate: the plain files are taken over.
func TestBundleTakesOverPlainFiles(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(w.path("tls"), 0o755); err != nil {
		t.Fatal(err)
	}
	templates := strings.NewReplacer("DIR/ca.crt", "DIR/tls/ca.crt", "DIR/tls.crt", "DIR/tls/tls.crt", "DIR/tls.key", "DIR/tls/tls.key").Replace(threeTemplates("", ""))
	r := w.start(loginBlocks + templates)
	r.logs("every bundle is published")
	r.end()
	before := w.pair("tls/tls.crt", "tls/tls.key")
	r = w.start(loginBlocks + webBundle("", ""))
	r.logs("every bundle is published")
	r.end()
	if after := w.pair("tls/tls.crt", "tls/tls.key"); after.SerialNumber.Cmp(before.SerialNumber) != 0 || w.signed() != 0 {
		t.Errorf("%d certificates were issued", w.signed())
	}
	if link, err := os.Readlink(w.path("tls/tls.key")); err != nil || link != "..data/tls.key" {
		t.Errorf("tls.key is a link to %q (%v)", link, err)
	}
}

// A new default issuer has the certificate replaced at once, and the trust bundle
// holds both CAs until the old certificate is gone.
func TestIssuerChange(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle(`ttl = "1h"`, "") + `
template_config { static_secret_render_interval = "1s" }`)
	r.logs("every bundle is published")
	old := w.leaf("tls/ca.crt")
	w.eventually("the issuer is known", func() bool { return w.asked("GET", "/v1/pki/cert/ca") >= 2 })
	w.put("pki/root/rotate/internal", "common_name=next.test", "ttl=8760h", "key_type=ec", "key_bits=256", "issuer_name=next")
	w.put("pki/config/issuers", "default=next")
	r.logs("the issuer has changed")
	w.eventually("the new issuer", func() bool { return w.leaf("tls/tls.crt").Issuer.CommonName == "next.test" })
	w.eventually("both CAs", func() bool { return strings.Count(w.read("tls/ca.crt"), "BEGIN CERTIFICATE") == 2 })
	if first := w.leaf("tls/ca.crt"); first.Subject.CommonName != "next.test" {
		t.Errorf("the first CA is %v", first.Subject)
	}
	polls := w.asked("GET", "/v1/pki/cert/ca")
	w.eventually("two more polls", func() bool { return w.asked("GET", "/v1/pki/cert/ca") >= polls+2 })
	r.end()
	if got := w.signed(); got != 2 {
		t.Errorf("%d certificates, want 2", got)
	}
	// A restart keeps both CAs, and publishes nothing.
	r = w.start(loginBlocks + webBundle(`ttl = "1h"`, ""))
	r.logs("every bundle is published")
	r.end()
	if r.count("msg=published") != 0 || !strings.Contains(w.read("tls/ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: old.Raw}))) {
		t.Error("the restart changed the trust bundle")
	}
}

func TestKeystores(t *testing.T) {
	w := newWorld(t)
	w.putKV("store", map[string]any{"password": "changeit"})
	w.write("password", "changeit\n")
	text := loginBlocks + `
bundle "java" {
  directory = "DIR/java"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { pkcs12 = "web.p12", truststore = "trust.jks" }
    password    = { secret = "secret/data/store#password" }
  }
}
bundle "old" {
  directory = "DIR/old"
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { jks = "web.jks" }
    password    = { file = "DIR/password" }
  }
}`
	r := w.start(text)
	r.logs("every bundle is published")
	r.end()
	before := w.read("java/web.p12")
	r = w.start(text)
	r.logs("every bundle is published")
	r.end()
	if got := w.signed(); got != 2 || w.read("java/web.p12") != before || r.count("msg=published") != 0 {
		t.Errorf("%d certificates over a restart, want 2", got)
	}
	// Another password is another file of the same certificate.
	w.write("password", "changed it\n")
	r = w.start(text)
	r.logs("msg=published")
	r.end()
	if got := w.signed(); got != 3 { // the old password is gone: nobody can read the old file
		t.Errorf("%d certificates, want 3", got)
	}
}

// What is issued again and again is stopped.
func TestBreaker(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle(`ttl = "2s"`, `max_issues_per_hour = 3`))
	r.logs("a certificate was issued too often within an hour")
	r.end()
	r = w.start(loginBlocks + webBundle(`ttl = "2s"`, `max_issues_per_hour = 3`))
	r.logs("a certificate was issued too often within an hour") // a restart does not reset it
	r.end()
	if got := w.signed(); got != 3 {
		t.Errorf("%d certificates, want 3", got)
	}
}

func TestBundleReloginIssuesNothing(t *testing.T) {
	w := newWorld(t)
	w.put("auth/approle/role/agent", "token_policies=agent", "token_ttl=2s", "token_max_ttl=2s")
	r := w.start(loginBlocks + webBundle("", ""))
	r.logs("every bundle is published")
	w.eventually("three logins", func() bool { return w.asked("PUT", "/v1/auth/approle/login") >= 3 })
	r.end()
	if got := w.signed(); got != 1 {
		t.Errorf("%d certificates over three logins, want 1", got)
	}
}

// A capture of all requests over several rotations, a restart and a reused key
// holds no private key in any form.
func TestPrivateKeyNeverLeaves(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var capture bytes.Buffer
	w.server.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&capture, "%s %s\n", r.Method, r.URL)
		r.Header.Write(&capture)
		capture.Write(body)
		return false
	})
	var keys []string
	for _, key := range []string{`{ type = "ec" }`, `{ type = "rsa", bits = 2048 }`, `{ type = "ed25519" }`, `{ type = "ec", reuse = true }`} {
		w.put("pki/roles/web", "allow_any_name=true", "enforce_hostnames=false", "key_type=any", "ttl=1h", "max_ttl=24h")
		r := w.start(loginBlocks + webBundle("key = "+key, ""))
		r.logs("msg=published")
		w.eventually("the pair", func() bool { return w.read("tls/tls.key") != "" })
		r.end()
		keys = append(keys, w.read("tls/tls.key"))
	}
	mu.Lock()
	defer mu.Unlock()
	text := capture.String()
	if got := strings.Count(text, "CERTIFICATE REQUEST"); got < 2*3 { // begin and end; the reused key is of the kind that is asked for
		t.Fatalf("the capture has %d marks of CSRs: it is not whole", got)
	}
	if strings.Contains(text, "PRIVATE KEY") {
		t.Error("a private key was sent")
	}
	for _, key := range keys {
		block, _ := pem.Decode([]byte(key))
		signer, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		var secret []byte
		switch k := signer.(type) {
		case *ecdsa.PrivateKey:
			secret = k.D.Bytes()
		case *rsa.PrivateKey:
			secret = k.Primes[0].Bytes()
		case ed25519.PrivateKey:
			secret = k.Seed()
		}
		for form, encoded := range map[string]string{
			"raw": string(secret), "base64": base64.StdEncoding.EncodeToString(block.Bytes), "hexadecimal": hex.EncodeToString(secret),
			"a line of PEM": strings.Split(key, "\n")[1],
		} {
			if strings.Contains(text, encoded) {
				t.Errorf("a private key was sent: %s", form)
			}
		}
	}
}

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
			r.logs("every bundle is published")
			r.end()
			if err := spoil(w.path("tls/..gen-1.json")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r = w.start(text)
				r.logs("the certificate on disk is still good")
				r.logs("every bundle is published")
				r.logs("logged in")
				r.end()
			}
			w.pair("tls/tls.crt", "tls/tls.key")
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
	w.putKV("app", map[string]any{"password": "one"})
	w.write("note.tpl", "first")
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
	r.logs("change done")
	w.pair("tls/tls.crt", "tls/tls.key")
	w.pair("tls/admin/tls.crt", "tls/admin/tls.key")
	if w.read("tls/password") != "one" || w.read("tls/note") != "first" {
		t.Error("the templates are not there")
	}
	if got := r.count("msg=published"); got != 1 {
		t.Errorf("%d generations for the first set, want 1", got)
	}
	serial := w.leaf("tls/tls.crt").SerialNumber
	w.putKV("app", map[string]any{"password": "two"})
	w.eventually("the new password", func() bool { return w.read("tls/password") == "two" })
	w.write("note.tpl", "second")
	w.eventually("the new note", func() bool { return w.read("tls/note") == "second" })
	w.eventually("three changes", func() bool { return strings.Count(w.read("changes"), "changed") == 3 })
	r.end()
	if w.signed() != 1 || w.issued() != 1 || w.leaf("tls/tls.crt").SerialNumber.Cmp(serial) != 0 {
		t.Errorf("%d certificates signed and %d issued, want one each", w.signed(), w.issued())
	}
}

func TestOneFailingBundleHurtsOnlyItself(t *testing.T) {
	w := newWorld(t)
	broken := strings.NewReplacer(`"web"`, `"broken"`, "pki/web", "pki/absent", "DIR/tls", "DIR/broken").Replace(webBundle("", ""))
	r := w.start(loginBlocks + broken + webBundle(`ttl = "4s"`, ""))
	r.logs("the certificate cannot be had")
	w.eventually("three generations of the other one", func() bool { return r.count("msg=published") >= 3 })
	if asked := w.asked("PUT", "/v1/pki/sign/absent"); asked > 3 {
		t.Errorf("the failing one asked %d times in the meantime", asked)
	}
	w.put("pki/roles/absent", "allow_any_name=true", "enforce_hostnames=false", "key_type=ec", "key_bits=256", "ttl=1h")
	w.eventually("the other one, after the role was made", func() bool { return w.leaf("broken/tls.crt") != nil })
	r.end()
	w.pair("broken/tls.crt", "broken/tls.key")
}

// Vault is sealed from before the renewal until after the certificate's end.
func TestBundleOutlivesVaultsOutage(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle(`ttl = "5s"`, ""))
	r.logs("msg=published")
	first := w.leaf("tls/tls.crt")
	w.server.Seal()
	w.eventually("the end of the certificate", func() bool { return time.Now().After(first.NotAfter.Add(time.Second)) })
	if now := w.pair("tls/tls.crt", "tls/tls.key"); now.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("the last certificate was not kept")
	}
	w.server.Unseal()
	w.eventually("a valid certificate", func() bool { return time.Now().Before(w.leaf("tls/tls.crt").NotAfter) })
	r.end()
}
