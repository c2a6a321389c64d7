// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

const (
	// maxRequest is how much of a request's body is searched for secrets.
	maxRequest = 1 << 20
	// maxError is how much of the body of an error is kept, and maxReason how much of
	// one reason in it.
	maxError  = 1 << 20
	maxReason = 4 << 10
)

// secretHeaders are the headers of a request whose values are secrets; so are those
// whose names end with one of secretSuffixes (VAULT_HEADERS may set any).
var (
	secretHeaders  = []string{"X-Vault-Token", "Authorization", "Proxy-Authorization", "Cookie"}
	secretSuffixes = []string{"-token", "-secret", "-key", "-password", "-authorization"}
)

// hiders hide what is known for long, and what one request carries.
type hiders struct {
	known *Known
	own   []redact.Secret // of headers and the proxy
	body  []byte          // of the request
}

// carried returns what hides the secrets that a request carries, and the request to make
// instead, whose body has not been read.
func (t *transport) carried(r *http.Request) (hiders, *http.Request, error) {
	h := hiders{known: t.known, own: headerSecrets(r.Header)}
	t.known.Add(h.own...)
	if t.proxy != nil {
		if u, err := t.proxy(r); err == nil && u != nil && u.User != nil {
			password, _ := u.User.Password()
			h.own = append(h.own, redact.Secret(password))
		}
	}
	if r.Body == nil || r.Body == http.NoBody {
		return h, r, nil
	}
	var err error
	if h.body, err = io.ReadAll(io.LimitReader(r.Body, maxRequest)); err != nil {
		r.Body.Close()
		return h, nil, err
	}
	again := r.WithContext(r.Context()) // a copy: the caller's request must not change
	again.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(h.body), r.Body), r.Body}
	if _, path, _ := strings.Cut(r.URL.Path, "/v1/"); vaultreq.Credentials(path) {
		t.known.Add(vaultreq.SecretsIn(h.body)...)
	}
	return h, again, nil
}

// hide returns the text without secrets.
func (h hiders) hide(text string) string {
	own := append(vaultreq.SecretsIn(h.body), h.own...)
	return redact.NewHider(own).Hide(h.known.Hide(text))
}

func headerSecrets(h http.Header) []redact.Secret {
	var secrets []redact.Secret
	for name, values := range h {
		if !isSecretHeader(name) {
			continue
		}
		for _, value := range values {
			secrets = append(secrets, redact.Secret(value))
			if _, credential, ok := strings.Cut(value, " "); ok { // Bearer …
				secrets = append(secrets, redact.Secret(credential))
			}
		}
	}
	return secrets
}

func isSecretHeader(name string) bool {
	for _, secret := range secretHeaders {
		if name == secret {
			return true
		}
	}
	for _, suffix := range secretSuffixes {
		if strings.HasSuffix(strings.ToLower(name), suffix) {
			return true
		}
	}
	return false
}

// hiddenError is an error whose text is that of another one, without secrets.
type hiddenError struct {
	error
	text string
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.error }

// err returns the error without secrets in its text.
func (h hiders) err(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	text := err.Error()
	if hidden := h.hide(text); hidden != text {
		return &hiddenError{err, hidden}
	}
	return err
}

// hiddenBody is a body whose errors show no secret.
type hiddenBody struct {
	io.ReadCloser
	hiders
}

func (b hiddenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	return n, b.err(err)
}

// hideReasons replaces the body of an error, which may quote the request, by one in
// which no secret is left. Of a long body it keeps the beginning.
func (h hiders) hideReasons(r *http.Response) error {
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxError))
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil { // too long is an error of its own
		return err
	}
	body = h.reasons(body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Del("Content-Length")
	return nil
}

// reasons returns the body of an error without secrets. It is decoded as vault/api
// decodes it, because there are many ways to write a text in JSON.
func (h hiders) reasons(body []byte) []byte {
	var answer api.ErrorResponse
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&answer); err != nil {
		return []byte(cut(h.hide(string(body)), maxReason))
	}
	var kept []string
	left := maxReason
	for _, reason := range answer.Errors {
		if left <= 0 {
			break
		}
		reason = cut(h.hide(reason), left)
		left -= len(reason) + 1
		kept = append(kept, reason)
	}
	text, err := json.Marshal(map[string][]string{"errors": kept})
	if err != nil {
		return nil // strings always marshal
	}
	return text
}

// cut returns the beginning of a text that is too long.
func cut(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
