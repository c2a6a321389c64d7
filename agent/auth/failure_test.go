// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/settings"
)

// TestExplainAnswers: what the server says, its kind, and the text.
func TestExplainAnswers(t *testing.T) {
	t.Parallel()
	const html = `<html><body>CANARY: you sent {"secret_id":"x"}</body></html>`
	for name, test := range map[string]struct {
		reply reply
		kind  Kind
		want  string
	}{
		"sealed":            {refused(503, "Vault is sealed"), Sealed, "status 503: Vault is sealed"},
		"overloaded":        {refused(503, "context deadline exceeded"), Unable, "status 503"},
		"standby":           {refused(500, "local node not active but active cluster node not found"), Standby, "not active"},
		"standby health":    {reply{status: 473}, Standby, "status 473"},
		"not initialised":   {refused(501, "server is not yet initialized"), Uninitialised, "status 501"},
		"quota":             {refused(429, "rate limit quota exceeded"), Limited, "status 429"},
		"index":             {refused(412, "required index state not present"), Unable, "status 412"},
		"server error":      {refused(500, "1 error occurred:\n\t* internal error\n\n"), Unable, "status 500: 1 error occurred: * internal error"},
		"wrong secret id":   {refused(400, "invalid role or secret ID"), Refused, "PUT /v1/auth/approle/login: status 400: invalid role or secret ID"},
		"forbidden":         {refused(403, "permission denied"), Refused, "status 403: permission denied"},
		"no such mount":     {refused(404, "no handler for route"), Misplaced, "status 404"},
		"gateway":           {reply{status: 502, body: html}, Unable, "status 502: with a body that is not Vault's"},
		"another server":    {reply{status: 404, body: html}, Garbled, "not Vault's"},
		"HTML":              {reply{body: html}, Garbled, "invalid character"},
		"JSON of no object": {reply{body: `["a"]`}, Garbled, "cannot unmarshal"},
		"half an answer":    {reply{body: `{"auth":{"client_token":"CANARY`}, Unreachable, "unexpected EOF"},
		"nothing":           {reply{status: 204}, Garbled, "is empty"},
		"null":              {reply{body: `{"data":null}`}, Garbled, "contains no token"},
		"an empty token":    {granted("", time.Hour, true), Garbled, "contains no token"},
		"second factor":     {reply{body: `{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"x"}}}`}, Refused, "second factor"},
		"a long text":       {refused(400, strings.Repeat("long ", 1000)), Refused, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{Loop: &Loop{
				Method: &AppRole{AppRole: settings.AppRole{RoleIDFile: file(t, "role", "r")}},
				Client: (&fake{answer: func(call) reply { return test.reply }}).client(t),
			}}
			s.client = s.ownClient()
			_, err := s.attempt(t.Context())
			f := explain(err)
			if f == nil || f.Kind != test.kind || !strings.Contains(f.Error(), test.want) {
				t.Fatalf("got %+v, want %q saying %q", f, test.kind, test.want)
			}
			if text := f.Error(); strings.Contains(text, "\n") || len(text) > 600 || strings.Contains(text, "CANARY") {
				t.Errorf("the text is not fit for a log: %q", text)
			}
			if !f.Kind.Temporary() && f.Hint == "" {
				t.Error("nothing says what to do")
			}
		})
	}
}

// A certificate of the server that is not valid now may be the clock's fault.
func TestExplainExpiredServer(t *testing.T) {
	t.Parallel()
	f := explain(&url.Error{Op: "Put", URL: "https://vault.test", Err: &tls.CertificateVerificationError{
		Err: x509.CertificateInvalidError{Reason: x509.Expired},
	}})
	if f.Kind != Untrusted || !strings.Contains(f.Hint, "clock of this host") {
		t.Errorf("got %+v", f)
	}
}

// TestExplainConnections: real connections that fail.
func TestExplainConnections(t *testing.T) {
	t.Parallel()
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	t.Cleanup(secure.Close)
	mutual := httptest.NewUnstartedServer(http.NotFoundHandler())
	mutual.Config.ErrorLog = quiet
	mutual.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	mutual.StartTLS()
	t.Cleanup(mutual.Close)
	trusting := &api.TLSConfig{Insecure: true}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	hangs := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	resets := listen(t, func(c net.Conn) {
		c.(*net.TCPConn).SetLinger(0)
	})
	cuts := listen(t, func(c net.Conn) {
		c.Read(make([]byte, 1))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
	})
	closed := listen(t, nil)

	for name, test := range map[string]struct {
		address string
		tls     *api.TLSConfig
		kind    Kind
		hint    string
	}{
		"nobody listens":        {"http://" + closed, nil, Unreachable, ""},
		"no answer":             {"http://" + hangs, nil, Unreachable, ""},
		"reset":                 {"http://" + resets, nil, Unreachable, ""},
		"cut off":               {"http://" + cuts, nil, Unreachable, ""},
		"unknown CA":            {secure.URL, nil, Untrusted, "ca_cert"},
		"another name":          {secure.URL, &api.TLSConfig{CACertBytes: caOf(secure), TLSServerName: "other.test"}, Untrusted, "tls_server_name"},
		"no client certificate": {mutual.URL, trusting, Untrusted, "client_cert"},
		"TLS to plain":          {strings.Replace(plain.URL, "http:", "https:", 1), nil, Untrusted, "http://"},
		"plain to TLS":          {strings.Replace(secure.URL, "https:", "http:", 1), nil, Garbled, "address"},
	} {
		t.Run(name, func(t *testing.T) {
			config := api.DefaultConfig()
			config.Address, config.MaxRetries = test.address, 0
			if name == "no answer" {
				config.Timeout = 50 * time.Millisecond
			}
			if test.tls != nil {
				if err := config.ConfigureTLS(test.tls); err != nil {
					t.Fatal(err)
				}
			}
			client, err := api.NewClient(config)
			if err != nil {
				t.Fatal(err)
			}
			defer config.HttpClient.CloseIdleConnections()
			_, err = (&Cert{}).Login(t.Context(), client)
			f := explain(err)
			if f == nil || f.Kind != test.kind || !strings.Contains(f.Hint, test.hint) {
				t.Errorf("got %+v, want %q with a hint at %q", f, test.kind, test.hint)
			}
		})
	}
}

func caOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// listen has handle serve each connection, until the test ends; without it
// nobody accepts any.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if handle == nil {
		listener.Close()
		return listener.Addr().String()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			handle(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

func TestExplainKeepsTheCause(t *testing.T) {
	t.Parallel()
	cause := &api.ResponseError{StatusCode: 400, Errors: []string{"x"}}
	var got *api.ResponseError
	if f := explain(cause); !errors.As(f, &got) || got != cause {
		t.Error("the cause is lost")
	}
	if explain(nil) != nil {
		t.Error("no error has become one")
	}
	if !errors.Is(explain(context.DeadlineExceeded), context.DeadlineExceeded) {
		t.Error("the cause is lost")
	}
}
