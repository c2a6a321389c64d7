// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package vaultreq describes a request to Vault as a value: templates make it,
// and the store of secrets answers it.
//
// It is pure: it sends nothing.
package vaultreq

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/certagent/certagent/redact"
)

// Request is one distinct request to Vault. It is comparable: equal requests,
// however they were written, share one answer. Values count as text, so that
// ttl=1h and ttl=60m are two requests.
//
// It prints as consul-template prints it, with the parameters hashed, because
// a parameter may be a secret.
type Request struct {
	Kind Kind
	// Path is the path in Vault, without slashes at its ends. That of a Read is
	// escaped as in a URL and may have a query, such as "?version=2", which is
	// sorted.
	Path string
	// Params holds the parameters of a Write or a Certificate: a JSON object of
	// strings with sorted keys and without spaces, "{}" for none. Reads and
	// lists have none: "".
	Params redact.Secret
}

// New returns the request of a template function's arguments: the path and, for
// a Write or a Certificate, parameters of the form "name=value". As in
// consul-template, space around the path, names and values does not count, nor do
// slashes around the path; empty parameters are skipped, and of two with one name
// the last counts. A Read and a List take no parameters.
func New(kind Kind, path string, params ...string) (Request, error) {
	path, err := canonicalPath(kind, path)
	if err != nil {
		return Request{}, err
	}
	if kind == Read || kind == List {
		if len(params) > 0 {
			return Request{}, fmt.Errorf("%s %q takes no parameters", kind.Gerund(), path)
		}
		return Request{Kind: kind, Path: path}, nil
	}
	values := make(map[string]string, len(params))
	for _, param := range params {
		if param == "" {
			continue
		}
		name, value, found := strings.Cut(param, "=")
		if !found {
			return Request{}, fmt.Errorf("not a name=value pair: %q", param)
		}
		values[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	encoded, err := json.Marshal(values)
	return Request{Kind: kind, Path: path, Params: redact.Secret(encoded)}, err
}

// canonicalPath returns a path in the form that a Request of the kind has. As in
// consul-template the paths of secret without parameters and of pkiCert are URLs;
// pkiCert ignores the query.
func canonicalPath(kind Kind, text string) (string, error) {
	path := strings.Trim(strings.TrimSpace(text), "/")
	query := ""
	if kind == Read || kind == Certificate {
		u, err := url.Parse(path)
		if err != nil {
			return "", err
		}
		path = u.Path
		if kind == Read {
			path, query = EscapePath(u.Path), u.Query().Encode()
		}
	}
	if path == "" {
		return "", fmt.Errorf("not a path in Vault: %q", text)
	}
	if query != "" {
		path += "?" + query
	}
	return path, nil
}

// EscapePath returns a path as the Path of a Read has it.
func EscapePath(path string) string {
	return (&url.URL{Path: strings.Trim(path, "/")}).EscapedPath()
}

// String returns consul-template's name for the request: the kind, the path, and
// for a write eight hexadecimal digits that stand for the parameters.
func (r Request) String() string {
	switch r.Kind {
	case List:
		return "vault.list(" + r.Path + ")"
	case Write:
		return fmt.Sprintf("vault.write(%s -> %s)", r.Path, r.digest())
	case Certificate:
		return fmt.Sprintf("vault.pki(%s -> %s)", r.Path, r.digest())
	}
	path, query := r.Target()
	if version := query.Get("version"); version != "" {
		return fmt.Sprintf("vault.read(%s.v%s)", path, version)
	}
	return "vault.read(" + path + ")"
}

// digest hashes the parameters as consul-template does.
func (r Request) digest() string {
	var values map[string]string
	_ = json.Unmarshal([]byte(r.Params), &values) // Params that are not of New hash as none
	h := sha1.New()
	for _, k := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(h, "%s=%q", k, values[k])
	}
	return fmt.Sprintf("%.4x", h.Sum(nil))
}

// Format keeps every verb, %#v included, from printing parameters.
func (r Request) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// LogValue keeps parameters out of logs.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Target splits the path of a Read from its query and removes the escapes. The
// path of the other kinds is returned as it is.
func (r Request) Target() (path string, query url.Values) {
	if r.Kind != Read {
		return r.Path, nil
	}
	u, err := url.Parse(r.Path)
	if err != nil {
		return r.Path, nil
	}
	return u.Path, u.Query()
}
