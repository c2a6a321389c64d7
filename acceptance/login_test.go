// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package acceptance

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// loginResult contains the properties of the token, or the error.
type loginResult struct {
	Policies    []string
	Metadata    map[string]string
	TTL         int
	DisplayName string
	Err         string // as sent by the server
}

// logIn logs in and looks up the token.
func logIn(t *testing.T, c *api.Client, path string, body seed.Params) loginResult {
	t.Helper()
	secret, err := c.Logical().WriteWithContext(t.Context(), path, body)
	if err != nil {
		return loginResult{Err: serverError(err)}
	}
	c.SetToken(secret.Auth.ClientToken)
	defer c.ClearToken()
	self, err := c.Auth().Token().LookupSelfWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return loginResult{
		Policies: secret.Auth.Policies, Metadata: secret.Auth.Metadata, TTL: secret.Auth.LeaseDuration,
		DisplayName: self.Data["display_name"].(string),
	}
}

// serverError returns the status and the messages of an error answer.
func serverError(err error) string {
	res, ok := err.(*api.ResponseError)
	if !ok {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", res.StatusCode, strings.Join(res.Errors, "; "))
}

func TestJWTLogin(t *testing.T) {
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	good := func() map[string]any {
		return map[string]any{"sub": "machine", "aud": "vault", "team": "red", "iat": in(0), "exp": in(time.Hour)}
	}
	with := func(name string, value any) map[string]any {
		claims := good()
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
		return claims
	}
	ok := loginResult{Policies: []string{"default"}, Metadata: map[string]string{"role": "web", "team": "red"}, TTL: 600, DisplayName: "jwt-machine"}
	cases := []struct {
		name   string
		claims map[string]any
		role   string
		want   loginResult
	}{
		{"good", good(), "web", ok},
		{"audience in a list", with("aud", []string{"x", "vault"}), "web", ok},
		{"wrong audience", with("aud", "other"), "web", loginResult{Err: "400 error validating token: invalid audience (aud) claim: audience claim does not match any expected audience"}},
		{"wrong subject", with("sub", "someone"), "web", loginResult{Err: "400 error validating token: invalid subject (sub) claim"}},
		{"claim missing", with("team", nil), "web", loginResult{Err: `400 error validating claims: claim "team" is missing`}},
		{"claim differs", with("team", "blue"), "web", loginResult{Err: `400 error validating claims: claim "team" does not match any associated bound claim values`}},
		{"expired", with("exp", in(-time.Hour)), "web", loginResult{Err: "400 error validating token: invalid expiration time (exp) claim: token is expired"}},
		{"not yet valid", with("nbf", in(time.Hour)), "web", loginResult{Err: "400 error validating token: invalid not before (nbf) claim: token not yet valid"}},
		{"issued in the future", with("iat", in(time.Hour)), "web", loginResult{Err: "400 error validating token: invalid not before (nbf) claim: token not yet valid"}},
		{"unknown role", good(), "none", loginResult{Err: `400 role "none" could not be found`}},
		{"no token", nil, "web", loginResult{Err: "400 missing token"}},
	}
	harness.Each(t, func(t *testing.T, b harness.Backend) {
		role := seed.JWT{Role: "web", Params: seed.Params{
			"bound_audiences": "vault", "bound_subject": "machine", "bound_claims": seed.Params{"team": "red"},
			"claim_mappings": seed.Params{"team": "team"}, "token_ttl": "10m",
		}}
		signer, err := role.Apply(t.Context(), b.Client)
		if err != nil {
			t.Fatal(err)
		}
		c := b.NewClient(t, "")
		for _, tc := range cases {
			body := seed.Params{"role": tc.role}
			if tc.claims != nil {
				if body["jwt"], err = signer.Sign(tc.claims); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, logIn(t, c, "auth/jwt/login", body)); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", tc.name, diff)
			}
		}
		stranger, _, err := seed.NewSigner()
		if err != nil {
			t.Fatal(err)
		}
		forged, err := stranger.Sign(good())
		if err != nil {
			t.Fatal(err)
		}
		got := logIn(t, c, "auth/jwt/login", seed.Params{"role": "web", "jwt": forged})
		if !strings.HasPrefix(got.Err, "400 error validating token: error verifying token") {
			t.Errorf("another's signature: got %+v", got)
		}
	})
}

// clientCertificates returns a CA and certificates of it, from a separate dev
// server.
func clientCertificates(t *testing.T, names ...string) (ca string, certs map[string]*tls.Certificate) {
	t.Helper()
	helper := harness.StartDev(t, harness.ServerOptions{})
	ca, err := seed.PKI{CommonName: "clients", Roles: map[string]seed.Params{"client": {"allow_any_name": true}}}.Apply(t.Context(), helper.Client)
	if err != nil {
		t.Fatal(err)
	}
	certs = make(map[string]*tls.Certificate)
	for _, name := range names {
		pair, err := seed.Issue(t.Context(), helper.Client, "pki/issue/client", seed.Params{"common_name": name})
		if err != nil {
			t.Fatal(err)
		}
		cert, err := tls.X509KeyPair([]byte(pair.Cert), []byte(pair.Key))
		if err != nil {
			t.Fatal(err)
		}
		certs[name] = &cert
	}
	return ca, certs
}

func TestCertLogin(t *testing.T) {
	ca, certs := clientCertificates(t, "web.example.test", "other.test")
	strangerCA, strangers := clientCertificates(t, "web.example.test")
	refused := loginResult{Err: "400 failed to match all constraints for this login certificate"}
	web := loginResult{Policies: []string{"default"}, TTL: 600, DisplayName: "cert-web"}
	cases := []struct {
		name string
		cert *tls.Certificate
		body seed.Params
		want loginResult
	}{
		{"by any role", certs["web.example.test"], nil, web},
		{"by name", certs["web.example.test"], seed.Params{"name": "web"}, web},
		{"by another name", certs["web.example.test"], seed.Params{"name": "strangers"}, refused},
		{"by an unknown name", certs["web.example.test"], seed.Params{"name": "none"}, refused},
		{"a common name that is not allowed", certs["other.test"], seed.Params{"name": "web"}, refused},
		{"another CA", strangers["web.example.test"], seed.Params{"name": "web"}, refused},
		{"no certificate", nil, nil, loginResult{Err: "400 client certificate must be supplied"}},
	}
	harness.EachWith(t, harness.ServerOptions{TLS: true}, func(t *testing.T, b harness.Backend) {
		params := seed.Params{"allowed_common_names": "*.example.test", "token_ttl": "10m"}
		if err := seed.CertLogin(t.Context(), b.Client, "cert", "web", ca, params); err != nil {
			t.Fatal(err)
		}
		if err := seed.CertLogin(t.Context(), b.Client, "cert", "strangers", strangerCA, seed.Params{"allowed_common_names": "nobody"}); err != nil {
			t.Fatal(err)
		}
		for _, tc := range cases {
			got := logIn(t, b.NewClientWith(t, "", tc.cert), "auth/cert/login", tc.body)
			if got.Metadata["cert_name"] != tc.want.metadataName() {
				t.Errorf("%s: metadata %v", tc.name, got.Metadata)
			}
			got.Metadata = nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", tc.name, diff)
			}
		}
	})
	t.Run("without TLS", func(t *testing.T) {
		harness.Each(t, func(t *testing.T, b harness.Backend) {
			if err := seed.CertLogin(t.Context(), b.Client, "cert", "web", ca, nil); err != nil {
				t.Fatal(err)
			}
			want := loginResult{Err: "400 tls connection required"}
			if diff := cmp.Diff(want, logIn(t, b.NewClient(t, ""), "auth/cert/login", nil)); diff != "" {
				t.Error(diff)
			}
		})
	})
}

func (r loginResult) metadataName() string {
	if r.Err != "" {
		return ""
	}
	return "web"
}

// TestClientCertificateRequired checks that the listener refuses, in the handshake,
// clients without a certificate of the right CA.
func TestClientCertificateRequired(t *testing.T) {
	ca, certs := clientCertificates(t, "agent")
	_, strangers := clientCertificates(t, "agent")
	o := harness.ServerOptions{ClientCA: []byte(ca), ClientCert: certs["agent"]}
	harness.EachWith(t, o, func(t *testing.T, b harness.Backend) {
		health := func(cert *tls.Certificate) error {
			res, err := b.NewClientWith(t, "", cert).CloneConfig().HttpClient.Get(b.URL + "/v1/sys/health")
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
				return fmt.Errorf("status %d, %w", res.StatusCode, err)
			}
			return nil
		}
		if err := health(certs["agent"]); err != nil {
			t.Errorf("with the right certificate: %v", err)
		}
		for name, cert := range map[string]*tls.Certificate{"no certificate": nil, "another CA's": strangers["agent"]} {
			if err := health(cert); err == nil || !strings.Contains(err.Error(), "tls") {
				t.Errorf("%s: got %v, want a refused handshake", name, err)
			}
		}
	})
}
