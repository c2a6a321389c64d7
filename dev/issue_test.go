// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/redact"
	"github.com/hashicorp/vault/api"
)

// TestIssueConcurrently issues, reads, revokes and logs in concurrently, for the
// race detector, and checks that every pair matches its CA.
func TestIssueConcurrently(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	newPKI(t, s, seed.Params{"generate_lease": true})
	credentials, err := seed.AppRole{Role: "web", Params: seed.Params{"token_policies": "root"}}.Apply(t.Context(), root(t, s))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			c := client(t, s, "")
			login, err := c.Logical().WriteWithContext(t.Context(), "auth/approle/login",
				seed.Params{"role_id": credentials.RoleID, "secret_id": string(credentials.SecretID)})
			if err != nil {
				t.Error(err)
				return
			}
			c.SetToken(login.Auth.ClientToken)
			for i := range 20 {
				name := fmt.Sprintf("%d.%d.test", worker, i)
				pair, err := seed.Issue(t.Context(), c, "pki/issue/web", seed.Params{"common_name": name, "ttl": "1h"})
				if err != nil {
					t.Error(err)
					return
				}
				if err := fits(pair, name, time.Now()); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			s.RevokeToken(login.Auth.ClientToken)
		})
	}
	wg.Wait()
	revoked, err := root(t, s).Logical().ListWithContext(t.Context(), "pki/certs/revoked")
	if err != nil || len(revoked.Data["keys"].([]any)) != 160 {
		t.Errorf("revoked with their tokens: %v, %v", revoked, err)
	}
}

// fits checks that the key, the certificate, the CA and the name match.
func fits(pair seed.Pair, name string, now time.Time) error {
	cert, err := tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(pair.CA))
	_, err = cert.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now})
	return err
}

// TestInABubble checks that the server uses the fake clock of a synctest bubble,
// through Transport, without a setting.
func TestInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := dev.New(dev.Options{})
		newPKI(t, s, nil)
		pair, err := seed.Issue(t.Context(), root(t, s), "pki/issue/web", seed.Params{"common_name": "a.test", "ttl": "90d"})
		if err != nil {
			t.Fatal(err)
		}
		token, err := seed.Token(t.Context(), root(t, s), seed.Params{"ttl": "1h"})
		if err != nil {
			t.Fatal(err)
		}
		if err := fits(pair, "a.test", time.Now()); err != nil {
			t.Error(err)
		}
		time.Sleep(91 * 24 * time.Hour)
		if err := fits(pair, "a.test", time.Now()); err == nil {
			t.Error("the certificate has not expired")
		}
		if _, err := client(t, s, token).Auth().Token().LookupSelfWithContext(t.Context()); status(t, err) != 403 {
			t.Errorf("the token has not expired: %v", err)
		}
	})
}

func TestKubernetesLogin(t *testing.T) {
	t.Parallel()
	s := dev.New(dev.Options{})
	c := root(t, s)
	signer, public, err := seed.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	if err := seed.Method(t.Context(), c, "kubernetes", "kubernetes"); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]seed.Params{
		"auth/kubernetes/config":   {"kubernetes_host": "https://kubernetes.test", "pem_keys": []string{public}},
		"auth/kubernetes/role/web": {"bound_service_account_names": "web", "bound_service_account_namespaces": "prod", "token_policies": "web"},
	} {
		if _, err := c.Logical().WriteWithContext(t.Context(), path, body); err != nil {
			t.Fatal(err)
		}
	}
	for subject, want := range map[string]int{
		"system:serviceaccount:prod:web": 0, "system:serviceaccount:test:web": 403, "system:serviceaccount:prod:db": 403, "web": 403,
	} {
		token, err := signer.Sign(map[string]any{"sub": subject, "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		secret, err := client(t, s, "").Logical().WriteWithContext(t.Context(), "auth/kubernetes/login", seed.Params{"role": "web", "jwt": token})
		if got := status(t, err); got != want {
			t.Errorf("%s: %d, want %d", subject, got, want)
		}
		if want == 0 && secret.Auth.Metadata["service_account_name"] != "web" {
			t.Errorf("metadata: %v", secret.Auth.Metadata)
		}
	}
}

// BenchmarkIssue requests a certificate over HTTP, as the agent does.
func BenchmarkIssue(b *testing.B) {
	s := dev.New(dev.Options{})
	newPKI(b, s, nil)
	l, err := s.Start(b.Context(), dev.ListenOptions{})
	if err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 10}
	c, err := api.NewClient(&api.Config{Address: l.URL, HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		b.Fatal(err)
	}
	c.SetToken(s.RootToken())
	var last redact.Secret
	for b.Loop() {
		pair, err := seed.Issue(b.Context(), c, "pki/issue/web", seed.Params{"common_name": "a.test", "ttl": "1h"})
		if err != nil {
			b.Fatal(err)
		}
		if pair.Key == last {
			b.Fatal("the same key twice")
		}
		last = pair.Key
	}
	transport.CloseIdleConnections()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
