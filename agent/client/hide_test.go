// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// fakeServer answers in place of a server.
type fakeServer func(*http.Request) (*http.Response, error)

func (f fakeServer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// escapedText is JSON in which each character of the text is an escape.
func escapedText(text string) string {
	var b strings.Builder
	for _, c := range text {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return `{"errors":["` + b.String() + `"]}`
}

// What a request carries is in no error, in whatever form a server, a proxy or the
// connection quotes it.
func TestEchoesAreHidden(t *testing.T) {
	t.Setenv("VAULT_HEADERS", `{"X-Proxy-Key":"canary-of-the-proxy","X-Region":"north"}`)
	const token, role, secret, param = "hvs.CANARY", "canary-role-id", "canary/secret+id \"quoted\"", "canary-of-a-parameter"
	all := []string{token, role, secret, param, "canary-of-the-proxy"}
	echo := func(r *http.Request) string {
		body, _ := io.ReadAll(r.Body)
		var sent map[string]any
		_ = json.Unmarshal(body, &sent)
		return fmt.Sprintf("invalid request: %s %v, token %s, key %s", body, sent, r.Header.Get("X-Vault-Token"), r.Header.Get("X-Proxy-Key"))
	}
	for name, answer := range map[string]func(r *http.Request) (*http.Response, error){
		"JSON": func(r *http.Request) (*http.Response, error) {
			return reply(r, 400, jsonText(api.ErrorResponse{Errors: []string{echo(r)}})), nil
		},
		"escaped JSON": func(r *http.Request) (*http.Response, error) { return reply(r, 500, escapedText(echo(r))), nil },
		"several reasons": func(r *http.Request) (*http.Response, error) {
			return reply(r, 403, jsonText(api.ErrorResponse{Errors: strings.Split(echo(r), " ")})), nil
		},
		"HTML": func(r *http.Request) (*http.Response, error) {
			return reply(r, 502, "<p>"+html.EscapeString(echo(r))), nil
		},
		"text": func(r *http.Request) (*http.Response, error) { return reply(r, 400, echo(r)), nil },
		"base64": func(r *http.Request) (*http.Response, error) {
			return reply(r, 400, base64.StdEncoding.EncodeToString([]byte(echo(r)))), nil
		},
		"error of the connection": func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("malformed HTTP response %q", echo(r))
		},
		"redirect": func(r *http.Request) (*http.Response, error) {
			a := reply(r, 308, "")
			a.Header.Set("Location", "http://"+url.PathEscape(r.Header.Get("X-Vault-Token"))+".test/"+url.QueryEscape(echo(r)))
			return a, nil
		},
		"redirect to what is no URL": func(r *http.Request) (*http.Response, error) {
			a := reply(r, 307, "")
			a.Header.Set("Location", "http://"+echo(r)+"\x01")
			return a, nil
		},
		"broken off": func(r *http.Request) (*http.Response, error) {
			a := reply(r, 200, "")
			a.Body = io.NopCloser(brokenOff{errors.New(echo(r))})
			return a, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			known := new(Known)
			client := build(t, Config{Transport: fakeServer(answer), Known: known})
			client.SetToken(token)
			for path, body := range map[string]map[string]any{
				"auth/approle/login": {"role_id": role, "secret_id": secret},
				"kv1/written":        {"value": param},
			} {
				_, err := client.Logical().Write(path, body)
				if err == nil {
					t.Fatal("no error")
				}
				for _, canary := range all {
					forms := []string{canary, strings.Trim(jsonText(canary), `"`), url.QueryEscape(canary), html.EscapeString(canary)}
					for _, form := range forms {
						if strings.Contains(err.Error(), form) {
							t.Errorf("%s: %q is in the error: %v", path, form, err)
						}
					}
				}
				if decoded, failed := base64.StdEncoding.DecodeString(err.Error()); failed == nil {
					t.Errorf("the error is base64 of %q", decoded)
				}
			}
		})
	}
}

type brokenOff struct{ error }

func (b brokenOff) Read([]byte) (int, error) { return 0, b.error }

// What Vault says about a request for a certificate stays as it is.
func TestReasonsStayReadable(t *testing.T) {
	t.Parallel()
	const reason = "common name www.evil.test not allowed by this role"
	client := build(t, Config{Transport: fakeServer(func(r *http.Request) (*http.Response, error) {
		return reply(r, 400, jsonText(api.ErrorResponse{Errors: []string{reason}})), nil
	})})
	client.SetToken("hvs.CANARY")
	_, err := client.Logical().Write("pki/sign/web", map[string]any{"common_name": "www.evil.test", "ttl": "72h"})
	var answer *api.ResponseError
	if !errors.As(err, &answer) || len(answer.Errors) != 1 || answer.Errors[0] != reason {
		t.Errorf("got %v", err)
	}
}

// The last 64 long secrets are known; words are not.
func TestKnown(t *testing.T) {
	t.Parallel()
	var k Known
	k.Add("web", "long-enough-to-be-kept")
	if got := k.Hide("web: long-enough-to-be-kept"); got != "web: "+redact.Mark {
		t.Errorf("got %q", got)
	}
	for i := range mostKnown + 10 {
		k.Add(redact.Secret(fmt.Sprintf("secret-number-%06d", i)), "long-enough-to-be-kept")
	}
	if got := k.Hide("long-enough-to-be-kept"); got != redact.Mark {
		t.Errorf("what is used is forgotten: %q", got)
	}
	if len(k.secrets) != mostKnown {
		t.Errorf("%d secrets are kept", len(k.secrets))
	}
	var none *Known
	none.Add("long-enough-to-be-kept")
	if got := none.Hide("text"); got != "text" {
		t.Errorf("got %q", got)
	}
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	var seen string
	server := start(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.UserAgent()
		w.Write([]byte(answer))
	})
	config := at(server.URL)
	config.UserAgent = "certagent/1.2.3"
	if err := read(build(t, config)); err != nil || seen != "certagent/1.2.3" {
		t.Errorf("got %q, %v", seen, err)
	}
}

// A token goes to another host only if that has to prove who it is.
func TestRedirectToAnotherHost(t *testing.T) {
	t.Parallel()
	ca := write(t, t.TempDir(), "ca", newAuthority(t).pem)
	for name, test := range map[string]struct {
		address, ca, location string
		skip, followed        bool
	}{
		"the same host":             {"http://vault.test:8200", "", "http://VAULT.test:8300/v1/x", false, true},
		"another name of this host": {"http://127.0.0.1:8200", "", "http://localhost:8300/v1/x", false, false},
		"another host":              {"http://vault.test:8200", "", "http://other.test:8200/v1/x", false, false},
		"https, the system's CAs":   {"https://vault.test", "", "https://other.test/v1/x", false, false},
		"https, a CA of our own":    {"https://vault.test", ca, "https://node2.test/v1/x", false, true},
		"https without verifying":   {"https://vault.test", ca, "https://other.test/v1/x", true, false},
		"a name that has ours":      {"http://vault.test", "", "http://vault.test.evil.test/v1/x", false, false},
		"a name before an at sign":  {"http://vault.test", "", "http://vault.test@evil.test/v1/x", false, false},
		"from a host to its number": {"http://vault.test", "", "http://192.0.2.1/v1/x", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := 0
			config := at(test.address)
			config.CACert, config.TLSSkipVerify = test.ca, test.skip
			config.Transport = fakeServer(func(r *http.Request) (*http.Response, error) {
				if requests++; requests == 1 {
					a := reply(r, 307, "")
					a.Header.Set("Location", test.location)
					return a, nil
				}
				return reply(r, 200, answer), nil
			})
			client := build(t, config)
			client.SetToken("hvs.CANARY")
			err := read(client)
			if followed := err == nil && requests == 2; followed != test.followed || !followed && requests > 1 {
				t.Errorf("%d requests, %v", requests, err)
			}
			if !test.followed && !strings.Contains(fmt.Sprint(err), "another host") {
				t.Errorf("got %v", err)
			}
		})
	}
}
