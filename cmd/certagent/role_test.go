// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// role makes a role of the PKI.
func (w *world) addRole(name string, params map[string]any) {
	w.Helper()
	_, err := w.Client.Logical().Write("pki/roles/"+name, params)
	w.Check(err)
}

// aBundle is a bundle of one certificate, with more keys of the certificate.
func aBundle(role, more string) string {
	return `
bundle "web" {
  certificate {
    role        = "pki/` + role + `"
    common_name = "example.test"
    files       = { cert = "DIR/web/tls.crt", key = "DIR/web/tls.key" }
    ` + more + `
  }
  change_mode = "noop"
}
`
}

// Without key the role decides: a role as Vault makes it wants RSA.
func TestRoleDecidesTheKey(t *testing.T) {
	for name, c := range map[string]struct {
		role   map[string]any
		detail string
		asked  int // at the first issue
	}{
		"rsa":     {map[string]any{"key_type": "rsa", "key_bits": 2048}, "rsa 2048 instead of ec 256", 2},
		"large":   {map[string]any{"key_type": "rsa", "key_bits": 3072}, "rsa 3072 instead of ec 256", 3},
		"ec-384":  {map[string]any{"key_type": "ec", "key_bits": 384}, "ec 384 instead of ec 256", 2},
		"ed25519": {map[string]any{"key_type": "ed25519"}, "ed25519 instead of ec 256", 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.role["allow_any_name"], c.role["max_ttl"] = true, "6s"
			w.addRole("made", c.role)
			config := login + aBundle("made", "")
			p := w.start(config)
			p.Says(logmsg.KeyByRole + `.*detail="?` + c.detail)
			p.SaysTimes(logmsg.Published+` bundle=web`, 3)
			p.stop()
			if n := p.Count(logmsg.KeyByRole); n != 1 {
				t.Errorf("said %d times", n)
			}
			if n := p.Count(logmsg.IssueFailed); n > 0 {
				t.Errorf("%d failures were logged", n)
			}
			issued, asked := p.Count(logmsg.Issued), w.Asked("PUT", "/v1/pki/sign/made")
			if asked > issued+c.asked { // one may be under way at the end
				t.Errorf("%d requests for %d certificates", asked, issued)
			}
			w.Pair("web/tls.crt", "web/tls.key")

			// After a restart, the kind of the key on disk is the one to ask with.
			w.Dev.ResetRequests()
			again := w.start(config)
			again.Says(logmsg.Published + ` bundle=web`)
			again.stop()
			if n := again.Count(logmsg.KeyByRole); n > 0 {
				t.Errorf("learnt it again %d times", n)
			}
			if asked, issued := w.Asked("PUT", "/v1/pki/sign/made"), again.Count(logmsg.Issued); asked > issued+1 {
				t.Errorf("%d requests for %d certificates after a restart", asked, issued)
			}
		})
	}
}

// A key that is written is not changed: the log has the line to write.
func TestWrittenKeyIsKept(t *testing.T) {
	w := newWorld(t)
	w.addRole("made", map[string]any{"allow_any_name": true, "key_type": "rsa", "key_bits": 3072})
	p := w.start(login + aBundle("made", `key = { type = "rsa" }`))
	p.Says(logmsg.IssueFailed + `.*hint="the role requires another key: write key = { type = \\"rsa\\", bits = 3072 }`)
	p.stop()
	w.addRole("made", map[string]any{"allow_any_name": true, "key_type": "any", "key_bits": 0})
	p = w.start(login + aBundle("made", `key = { type = "rsa" }`))
	p.Says(logmsg.AllPublished)
	if _, is := w.Pair("web/tls.crt", "web/tls.key").PublicKey.(*rsa.PublicKey); !is {
		t.Error("not an RSA key")
	}
	p.stop()
}

// A role that accepts any key gets the default, also if it required another one before.
func TestDefaultKeyWithARoleForAny(t *testing.T) {
	w := newWorld(t)
	w.addRole("made", map[string]any{"allow_any_name": true, "key_type": "any", "key_bits": 0})
	p := w.start(login + aBundle("made", ""))
	p.Says(logmsg.AllPublished)
	if _, is := w.Pair("web/tls.crt", "web/tls.key").PublicKey.(*ecdsa.PublicKey); !is {
		t.Error("not an EC key")
	}
	p.stop()
	if n := p.Count(logmsg.KeyByRole); n > 0 {
		t.Errorf("said %d times", n)
	}
	if n := p.Count(logmsg.VaultWarning); n > 0 { // that the names are in the CSR as well
		t.Errorf("%d warnings that mean nothing", n)
	}
}

// What Vault warns of, and a ttl and a renew_before that are not kept, are logged once, and
// again after a change only.
func TestWishesThatARoleDoesNotGrant(t *testing.T) {
	w := newWorld(t)
	limit := func(ttl string) {
		w.addRole("made", map[string]any{"allow_any_name": true, "key_type": "ec", "key_bits": 256, "max_ttl": ttl})
	}
	limit("6s")
	config := login + aBundle("made", "ttl = \"72h\"\n renew_before = \"24h\"")
	p := w.start(config)
	p.Says(logmsg.VaultWarning + `.*certificate=\S*tls.crt.*is longer than permitted maxTTL`)
	if n := p.Count(`permitted maxTTL.*permitted maxTTL`); n > 0 {
		t.Error("one warning twice in a line")
	}
	p.Says(logmsg.LifetimeShortened + `.*ttl is 72h0m0s, granted are 5s.*hint=".*vault read pki/roles/made`)
	p.Says(logmsg.RenewBeforeNotKept + `.*renew_before is 24h0m0s, the lifetime 5s`)
	p.SaysTimes(logmsg.Published+` bundle=web`, 4)
	for _, message := range []string{logmsg.VaultWarning, logmsg.LifetimeShortened, logmsg.RenewBeforeNotKept} {
		if n := p.Count(message); n != 1 {
			t.Errorf("%q was logged %d times", message, n)
		}
	}
	limit("25h")
	harness.Eventually(t, "the changed limit", func() bool { return p.Count(logmsg.LifetimeShortened+`.*granted are 25h`) == 1 })
	p.stop()
	if n := p.Count(logmsg.RenewBeforeNotKept); n != 1 {
		t.Errorf("%d times, though renew_before is kept now", n)
	}
}

// validate refuses a renew_before that is not shorter than ttl.
func TestRenewBeforeIsShorterThanTTL(t *testing.T) {
	w := newWorld(t)
	w.Write("agent.hcl", w.expand(login+aBundle("web", "ttl = \"1h\"\n renew_before = \"24h\"")))
	p := launch(t, w.Path(""), nil, "validate", "-config="+w.Path("agent.hcl"))
	p.Says(`renew_before: is not shorter than ttl`)
	p.Ends(3)
}

// Frequent mistakes about roles have their own hints.
func TestHintsAboutRoles(t *testing.T) {
	w := newWorld(t)
	w.addRole("made", map[string]any{"allowed_domains": "other.test", "key_type": "ec", "key_bits": 256})
	p := w.start(login + aBundle("made", "") + strings.NewReplacer(`"web"`, `"two"`, "DIR/web", "DIR/two").Replace(aBundle("absent", "")))
	p.Says(logmsg.IssueFailed + ` bundle=web .*hint="the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover example.test: vault read pki/roles/made`)
	p.Says(logmsg.IssueFailed + ` bundle=two .*hint="there is no role absent at pki`)
	p.stop()
}
