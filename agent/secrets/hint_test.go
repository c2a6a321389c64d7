// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// The frequent refusals have hints of their own, with the names that the operator needs.
func TestHints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status       int
		path, reason string
		want         string
	}{
		{400, "pki/sign/web", "common name www.evil.test not allowed by this role",
			"the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover www.evil.test: vault read pki/roles/web"},
		{400, "a/b/issue/web", "subject alternate name x.test not allowed by this role",
			"the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover x.test: vault read a/b/roles/web"},
		{400, "pki/sign/web", "IP Subject Alternative Names are not allowed in this role, but was provided [127.0.0.1]", "set allow_ip_sans=true on the role (vault read pki/roles/web), or remove ip_sans"},
		{400, "pki/sign/nobody", "unknown role: nobody", "there is no role nobody at pki: vault list pki/roles shows the roles; role is \"pki/nobody\""},
		{400, "pki/sign/web", "cannot satisfy request, as TTL would result in notAfter of 2031 that is beyond the expiration of the CA certificate at 2030", "the CA ends before the certificate would: renew the CA, write a shorter ttl, or set leaf_not_after_behavior=truncate on the issuer"},
		{500, "pki/sign/web", "could not fetch the CA certificate (was one set?): no default issuer currently configured", "pki has no CA that it signs with: make or import one, or choose one with vault write pki/config/issuers default=NAME"},
		{400, "pki/sign/web", "something else", "check the path, the parameters, and the role that they name"},
		{400, "secret/web", "unknown role: x", "check the path, the parameters, and the role that they name"},
		{403, "pkii/sign/web", "permission denied", `the token's policies must allow "update" on "pkii/sign/web", or there is no such mount`},
		{503, "pki/sign/web", "Vault is sealed", ""},
	} {
		e := classify(nil, &api.ResponseError{StatusCode: test.status, Errors: []string{test.reason}})
		e.Request = vaultreq.Request{Kind: vaultreq.Write, Path: test.path}
		if got := e.Hint(); got != test.want {
			t.Errorf("%d %s: got %q, want %q", test.status, test.reason, got, test.want)
		}
	}
	for want, cause := range map[string]error{
		"clock of this host":             &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
		"tls_server_name":                &tls.CertificateVerificationError{Err: x509.HostnameError{}},
		"ca_cert":                        &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"client_cert":                    &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")},
		"should it begin with http:// ?": http.ErrSchemeMismatch,
	} {
		e := classify(nil, &url.Error{Op: "Get", URL: "https://vault.test", Err: cause})
		if !strings.Contains(e.Hint(), want) || e.Temporary() {
			t.Errorf("%v: got %q, temporary %t", cause, e.Hint(), e.Temporary())
		}
	}
	if e := classify(nil, &url.Error{Op: "Get", Err: errors.New("connection refused")}); e.Hint() != "" || !e.Temporary() {
		t.Errorf("no connection: got %q, temporary %t", e.Hint(), e.Temporary())
	}
	for _, page := range []string{
		"Client sent an HTTP request to an HTTPS server.\n", "<center>The plain HTTP request was sent to HTTPS port</center>",
		"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
	} {
		e := classify(nil, &api.ResponseError{StatusCode: 400, RawError: true, Errors: []string{page}})
		if !strings.Contains(e.Hint(), "should it begin with https:// ?") {
			t.Errorf("%q: got %q", page, e.Hint())
		}
	}
}

// One rule for the level of a failure: what passes by itself is a warning until it
// threatens what is held, or has lasted for as long as Vault Agent would retry; what an
// operator has to change is an error at once.
func TestLevels(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		first  string
	}{
		"network": {0, "WARN"}, "sealed": {503, "WARN"}, "rate limit": {429, "WARN"},
		"no permission": {403, "ERROR"}, "no such secret": {404, "ERROR"}, "refused": {400, "ERROR"}, "not Vault's": {418, "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log lines
				var failing cell[bool]
				ca := newAuthority(t)
				f := run(t, Config{Logger: log.logger()}, func(*http.Request, string) (int, any) {
					switch {
					case !failing.get():
						return 200, map[string]any{"data": ca.issue(time.Hour)}
					case test.status == 0:
						return 200, http.ErrServerClosed
					}
					return test.status, refusal("no")
				})
				f.subscribe(req(t, vaultreq.Certificate, "pki/issue/web", "ttl=1h"))
				failing.set(true)
				time.Sleep(time.Hour) // 90 % of it pass before it is renewed
				entries := strings.Split(strings.TrimSpace(log.text()), "\n")
				if !strings.Contains(entries[0], "level="+test.first) {
					t.Errorf("first: %s", entries[0])
				}
				if last := entries[len(entries)-1]; !strings.Contains(last, "level=ERROR") {
					t.Errorf("at the end of the certificate: %s", last)
				}
			})
		})
	}
}
