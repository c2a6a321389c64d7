// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// These are defects of Vault Agent and consul-template that must not be ours.

// TestNoCertificateIsIssuedAfterStop: consul-template sleeps towards the renewal
// where Stop does not reach it, wakes later, and issues one more.
func TestNoCertificateIsIssuedAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			return 200, map[string]any{"data": ca.issue(10 * time.Second)}
		})
		f.subscribe(req(t, vaultreq.Write, "pki/issue/web", "ttl=10s"), req(t, vaultreq.Certificate, "pki/issue/web", "ttl=10s"))
		f.stop()
		time.Sleep(time.Hour)
		if n := f.vault.count("PUT"); n != 2 {
			t.Errorf("%d certificates were issued, want 2", n)
		}
	})
}

// TestReloginIssuesNothing: Vault Agent starts a new engine for each token, which
// fetches and issues everything again.
func TestReloginIssuesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		f := run(t, Config{}, func(r *http.Request, _ string) (int, any) {
			if r.URL.Path == "/v1/sys/creds" {
				return 200, lease("l", 36000, true)
			}
			return 200, map[string]any{"data": ca.issue(10 * time.Hour)}
		})
		s := f.subscribe(
			req(t, vaultreq.Write, "pki/issue/web", "ttl=10h"), req(t, vaultreq.Certificate, "pki/issue/web", "ttl=10h"), req(t, vaultreq.Read, "sys/creds"))
		fired(s)
		for i := range 100 {
			f.Authenticated("t1")
			time.Sleep(time.Minute)
			f.Authenticated(redact.Secret(fmt.Sprint("token", i)))
			time.Sleep(time.Minute)
		}
		if n := f.vault.count(""); n != 3 || fired(s) {
			t.Errorf("%d requests, want 3", n)
		}
		// What is asked next is asked with the new token.
		time.Sleep(7 * time.Hour)
		for _, r := range f.vault.matching("")[3:] {
			if r.token != "token99" {
				t.Errorf("%s with %q", r.line, r.token)
			}
		}
	})
}

// TestPKICertHasJitter: consul-template's is an integer division, and always 0.
// A thousand hosts that were given their certificates at one moment renew over a
// twentieth of the life, none too late, and a restart does not draw again.
func TestPKICertHasJitter(t *testing.T) {
	t.Parallel()
	const hosts, life = 1000, 1000 * time.Hour
	r := req(t, vaultreq.Certificate, "pki/issue/web", "common_name=a")
	var buckets [10]int
	for i := range hosts {
		renewAt := func(adopted bool) time.Time {
			return next(facts{
				kind: vaultreq.Certificate, secret: &api.Secret{}, window: window{noon, noon.Add(life), "1"}, asked: noon,
				adopted: adopted, draw: draw(fmt.Sprint("host", i), r, "1"),
			}, policy{0.9, time.Minute}).at
		}
		at := renewAt(false)
		if !at.Equal(renewAt(true)) {
			t.Fatalf("a restart moves the renewal from %v", at)
		}
		b := int(at.Sub(noon.Add(850*time.Hour)) / (5 * time.Hour))
		if b < 0 || b > 9 {
			t.Fatalf("host %d renews at %v", i, at.Sub(noon))
		}
		buckets[b]++
	}
	for i, n := range buckets {
		if n < hosts/20 || n > hosts/5 {
			t.Errorf("%d of %d hosts renew in the %dth tenth of the spread", n, hosts, i+1)
		}
	}
}

// TestPKICertParametersCount: consul-template knows a pkiCert by path and
// destination alone, so that another name, or another ttl, changes nothing.
func TestPKICertParametersCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		var asked []vaultreq.Request
		f := run(t, Config{Concurrency: 1, Adopt: func(r vaultreq.Request) (*api.Secret, bool) {
			asked = append(asked, r)
			return nil, false
		}}, func(*http.Request, string) (int, any) {
			return 200, map[string]any{"data": ca.issue(time.Hour)}
		})
		a, b := req(t, vaultreq.Certificate, "pki/issue/web", "common_name=a"), req(t, vaultreq.Certificate, "pki/issue/web", "common_name=b")
		s := f.subscribe(a, b)
		if answered(t, s, a).Serial == answered(t, s, b).Serial {
			t.Error("two names, one certificate")
		}
		if bodies := f.vault.matching("PUT"); len(bodies) != 2 || bodies[0].body == bodies[1].body {
			t.Errorf("requests: %v", bodies)
		}
		c := req(t, vaultreq.Certificate, "pki/issue/web", "common_name=a", "ttl=2h")
		s.Want([]vaultreq.Request{c, b})
		synctest.Wait()
		answered(t, s, c)
		if n := f.vault.count("PUT"); n != 3 || len(asked) != 3 {
			t.Errorf("%d certificates were issued, and the caller was asked %d times", n, len(asked))
		}
	})
}

// TestTwoAnswersWithinASecond: consul-template numbers answers by the second, and
// drops the second one of a second, although a certificate was issued.
func TestTwoAnswersWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		var issued atomic.Int64
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			issued.Add(1)
			return 200, map[string]any{"data": ca.issue(time.Second)}
		})
		r := req(t, vaultreq.Certificate, "pki/issue/web", "ttl=1s")
		s := f.subscribe(r)
		seen := map[string]bool{}
		for begin := time.Now(); time.Since(begin) < 10*time.Second; {
			<-s.C()
			seen[answered(t, s, r).Serial] = true
		}
		if n := int(issued.Load()); len(seen) != n || n < 15 {
			t.Errorf("%d of %d certificates were delivered", len(seen), n)
		}
	})
}
