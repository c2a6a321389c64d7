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
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

func TestIssuerChange(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + webBundle(`ttl = "150s"`, "") + `
template_config { static_secret_render_interval = "1s" }`)
		r.Says(logmsg.AllPublished)
		old := w.Leaf("tls/ca.crt")
		w.Eventually("the issuer is known", func() bool { return w.Asked("GET", "/v1/pki/cert/ca_chain") >= 2 })
		w.put("pki/root/rotate/internal", "common_name=next.test", "ttl=8760h", "key_type=ec", "key_bits=256", "issuer_name=next")
		w.put("pki/config/issuers", "default=next")
		r.Says(logmsg.IssuerChanged)
		w.Eventually("both CAs ahead", func() bool { return strings.Count(w.Read("tls/ca.crt"), "BEGIN CERTIFICATE") == 2 })
		if w.Leaf("tls/tls.crt").Issuer.CommonName != "example.test" {
			t.Error("the new issuer's leaf came together with its CA")
		}
		w.Eventually("the new issuer", func() bool { return w.Leaf("tls/tls.crt").Issuer.CommonName == "next.test" })
		w.Eventually("both CAs", func() bool { return strings.Count(w.Read("tls/ca.crt"), "BEGIN CERTIFICATE") == 2 })
		if first := w.Leaf("tls/ca.crt"); first.Subject.CommonName != "next.test" {
			t.Errorf("the first CA is %v", first.Subject)
		}
		polls := w.Asked("GET", "/v1/pki/cert/ca_chain")
		w.Eventually("two more polls", func() bool { return w.Asked("GET", "/v1/pki/cert/ca_chain") >= polls+2 })
		r.end()
		if got := w.signed(); got != 2 {
			t.Errorf("%d certificates, want 2", got)
		}
		// A restart keeps both CAs, and publishes nothing.
		r = w.start(loginBlocks + webBundle(`ttl = "150s"`, ""))
		r.Says(logmsg.AllPublished)
		r.end()
		if r.Count("msg="+logmsg.Published) != 0 || !strings.Contains(w.Read("tls/ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: old.Raw}))) {
			t.Error("the restart changed the trust bundle")
		}
	})
}

func TestKeystores(t *testing.T) {
	w := newWorld(t)
	w.PutKV("store", map[string]any{"password": "changeit"})
	w.Write("password", "changeit\n")
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
	r.Says(logmsg.AllPublished)
	r.end()
	before := w.Read("java/web.p12")
	r = w.start(text)
	r.Says(logmsg.AllPublished)
	r.end()
	if got := w.signed(); got != 2 || w.Read("java/web.p12") != before || r.Count("msg="+logmsg.Published) != 0 {
		t.Errorf("%d certificates over a restart, want 2", got)
	}
	// Another password is another file of the same certificate.
	w.Write("password", "changed it\n")
	r = w.start(text)
	r.Says("msg=" + logmsg.Published)
	r.end()
	if got := w.signed(); got != 3 { // the old password is gone: nobody can read the old file
		t.Errorf("%d certificates, want 3", got)
	}
}

func TestBreaker(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		named := func(name string) string {
			return loginBlocks + webBundle(fmt.Sprintf("ttl = \"40s\"\nalt_names = [\"%s.example.test\"]", name), `max_issues_per_hour = 3`)
		}
		begun := time.Now()
		for _, name := range []string{"a", "b", "c"} {
			r := w.start(named(name))
			r.Says("msg=" + logmsg.Published)
			r.end()
		}
		r := w.start(named("d"))
		r.Says(logmsg.IssueLimited + `".* certificate=tls.crt limit=3 reason="configured names are missing" .*until=.* retry=.* expires=`)
		r.end()
		last := w.Leaf("tls/tls.crt")
		r = w.start(named("d"))
		r.Says(logmsg.IssueLimited) // a restart does not reset it
		if got := w.signed(); got != 3 {
			t.Errorf("%d certificates, want 3", got)
		}
		// In the last tenth of the lifetime it lets one through, long before the hour is over.
		w.Eventually("the new name", func() bool { return w.Leaf("tls/tls.crt").VerifyHostname("d.example.test") == nil })
		if now := time.Now(); now.After(last.NotAfter) || now.Before(last.NotAfter.Add(-5*time.Second)) || now.Sub(begun) > time.Minute {
			t.Errorf("issued at %v, the one before ends at %v", now, last.NotAfter)
		}
		r.end()
		if r.Count(logmsg.IssueLimited) != 1 {
			t.Errorf("it is said %d times", r.Count(logmsg.IssueLimited))
		}
	})
}

// Renewals that are due are no loop, whatever the limit: no certificate expires
// because it was renewed often.
func TestBreakerDoesNotStopRenewalsThatAreDue(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		text := loginBlocks + webBundle(`ttl = "20s"`, `max_issues_per_hour = 1`)
		r := w.start(text)
		r.SaysTimes("msg="+logmsg.Published, 5)
		r.end()
		if end := w.Leaf("tls/tls.crt").NotAfter; time.Now().After(end) || r.Count(logmsg.IssueLimited) > 0 {
			t.Errorf("it ended at %v, now is %v; held %d times", end, time.Now(), r.Count(logmsg.IssueLimited))
		}
		r = w.start(text) // nor does a restart make it worse
		r.SaysTimes("msg="+logmsg.Published, 3)
		r.end()
		if r.Count(logmsg.IssueLimited) > 0 {
			t.Error("held after a restart")
		}
	})
}

// An answer that is refused is a certificate that Vault has issued: it counts, also for
// the next start.
func TestBreakerCountsRefusedAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + webBundle(`ttl = "4h"`, `max_issues_per_hour = 3`))
		r.Says("msg=" + logmsg.Published)
		r.end()
		answer, err := json.Marshal(map[string]any{"data": map[string]any{"certificate": w.Read("tls/tls.crt"), "issuing_ca": w.Read("tls/ca.crt")}})
		w.Check(err)
		w.Dev.Intercept(func(to http.ResponseWriter, r *http.Request) bool { // another certificate than the one that is asked for
			if !strings.HasPrefix(r.URL.Path, "/v1/pki/sign/") {
				return false
			}
			to.Header().Set("Content-Type", "application/json")
			_, _ = to.Write(answer)
			return true
		})
		for range 2 {
			other := w.start(loginBlocks + webBundle("ttl = \"4h\"\nalt_names = [\"www.example.test\"]", `max_issues_per_hour = 3`))
			other.Says(logmsg.IssueLimited)
			other.end()
		}
		if got := w.signed(); got > 4 {
			t.Errorf("%d certificates, want at most 4", got)
		}
	})
}

func TestBundleReloginIssuesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.put("auth/approle/role/agent", "token_policies=agent", "token_ttl=2s", "token_max_ttl=2s")
		r := w.start(loginBlocks + webBundle("", ""))
		r.Says(logmsg.AllPublished)
		w.Eventually("three logins", func() bool { return w.Asked("PUT", "/v1/auth/approle/login") >= 3 })
		r.end()
		if got := w.signed(); got != 1 {
			t.Errorf("%d certificates over three logins, want 1", got)
		}
	})
}

func TestPrivateKeyNeverLeaves(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var capture bytes.Buffer
	w.Dev.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
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
		r.Says("msg=" + logmsg.Published)
		w.Eventually("the pair", func() bool { return w.Read("tls/tls.key") != "" })
		r.end()
		keys = append(keys, w.Read("tls/tls.key"))
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
			secret, err = k.Bytes()
			w.Check(err)
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

func TestOneFailingBundleHurtsOnlyItself(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		broken := strings.NewReplacer(`"web"`, `"broken"`, "pki/web", "pki/absent", "DIR/tls", "DIR/broken").Replace(webBundle("", ""))
		r := w.start(loginBlocks + broken + webBundle(`ttl = "4s"`, ""))
		r.Says(logmsg.IssueFailed)
		w.Eventually("three generations of the other one", func() bool { return r.Count("msg="+logmsg.Published) >= 3 })
		if asked := w.Asked("PUT", "/v1/pki/sign/absent"); asked > 3 {
			t.Errorf("the failing one asked %d times in the meantime", asked)
		}
		w.put("pki/roles/absent", "allow_any_name=true", "enforce_hostnames=false", "key_type=ec", "key_bits=256", "ttl=1h")
		w.Eventually("the other one, after the role was made", func() bool { return w.Leaf("broken/tls.crt") != nil })
		r.end()
		w.Pair("broken/tls.crt", "broken/tls.key")
	})
}

func TestBundleOutlivesVaultsOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + webBundle(`ttl = "5s"`, ""))
		r.Says("msg=" + logmsg.Published)
		first := w.Leaf("tls/tls.crt")
		w.Dev.Seal()
		w.Eventually("the end of the certificate", func() bool { return time.Now().After(first.NotAfter.Add(time.Second)) })
		if now := w.Pair("tls/tls.crt", "tls/tls.key"); now.SerialNumber.Cmp(first.SerialNumber) != 0 {
			t.Error("the last certificate was not kept")
		}
		w.Dev.Unseal()
		w.Eventually("a valid certificate", func() bool { return time.Now().Before(w.Leaf("tls/tls.crt").NotAfter) })
		r.end()
	})
}
