// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/certagent/certagent/redact"
)

// Kind is what is asked of Vault.
type Kind int

// The kinds, each named after the template function that asks.
const (
	Read        Kind = iota // secret PATH: a GET
	Write                   // secret PATH k=v…: a PUT whose answer is used
	List                    // secrets PATH: the sorted keys below a path
	Certificate             // pkiCert PATH k=v…: a PUT that issues a certificate
)

// verb names what a request of the kind does, for messages.
func (k Kind) verb() string {
	return [...]string{"reading", "writing", "listing", "issuing"}[k]
}

// Request is one distinct question to Vault. It is comparable, and equality is
// identity: all who ask with equal requests share one answer. Values count as
// text, so that ttl=1h and ttl=60m are two requests.
//
// It prints as consul-template prints it, with the parameters hashed, because
// a parameter may be a secret.
type Request struct {
	Kind Kind
	// Path is the path in Vault, without slashes at its ends. That of a Read is
	// escaped as in a URL and may have a query, such as "?version=2", sorted.
	Path string
	// Params holds the parameters of a Write or a Certificate: a JSON object of
	// strings with sorted keys and without spaces, "{}" for none. Reads and
	// lists have none: "".
	Params redact.Secret
}

// NewRequest makes a request from the arguments of a template function: the
// path and, for a Write or a Certificate, parameters of the form "key=value".
// As in consul-template, space around the path, keys and values does not count,
// nor does the order of parameters; empty ones are skipped, and of two with one
// key the last wins.
func NewRequest(kind Kind, path string, parameters ...string) (Request, error) {
	path, err := canonicalPath(kind, path)
	if err != nil {
		return Request{}, err
	}
	if kind == Read || kind == List {
		if len(parameters) > 0 {
			return Request{}, fmt.Errorf("%s %q takes no parameters", kind.verb(), path)
		}
		return Request{Kind: kind, Path: path}, nil
	}
	values := make(map[string]string, len(parameters))
	for i, p := range parameters {
		if p == "" {
			continue
		}
		key, value, ok := strings.Cut(p, "=")
		if !ok { // not quoted: it might be a secret
			return Request{}, fmt.Errorf("parameter %d of %q is not of the form key=value", i+1, path)
		}
		values[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	params, err := json.Marshal(values)
	if err != nil {
		return Request{}, fmt.Errorf("parameters of %q: %w", path, err)
	}
	return Request{Kind: kind, Path: path, Params: redact.Secret(params)}, nil
}

// canonicalPath is the path as a Request has it. consul-template takes the paths
// of reads and of pkiCert for URLs, and ignores pkiCert's query.
func canonicalPath(kind Kind, text string) (string, error) {
	path := strings.Trim(strings.TrimSpace(text), "/")
	query := ""
	if kind == Read || kind == Certificate {
		u, err := url.Parse(path)
		if err != nil {
			return "", fmt.Errorf("the path in Vault: %w", err)
		}
		path = u.Path
		if kind == Read {
			path, query = (&url.URL{Path: u.Path}).EscapedPath(), u.Query().Encode()
		}
	}
	if path == "" {
		return "", errors.New("the path in Vault is empty")
	}
	if query != "" {
		path += "?" + query
	}
	return path, nil
}

// String is consul-template's name for the request: the kind, the path, and for
// a write eight hexadecimal digits that stand for the parameters.
func (r Request) String() string {
	switch r.Kind {
	case List:
		return "vault.list(" + r.Path + ")"
	case Write:
		return fmt.Sprintf("vault.write(%s -> %s)", r.Path, r.digest())
	case Certificate:
		return fmt.Sprintf("vault.pki(%s -> %s)", r.Path, r.digest())
	}
	path, query := r.target()
	if version := query.Get("version"); version != "" {
		return fmt.Sprintf("vault.read(%s.v%s)", path, version)
	}
	return "vault.read(" + path + ")"
}

// digest hashes the parameters as consul-template does.
func (r Request) digest() string {
	var values map[string]string
	_ = json.Unmarshal([]byte(r.Params), &values) // a foreign Params hashes as none
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

// target splits the path of a read from its query.
func (r Request) target() (path string, query url.Values) {
	if r.Kind != Read {
		return r.Path, nil
	}
	u, err := url.Parse(r.Path)
	if err != nil {
		return r.Path, nil
	}
	return u.Path, u.Query()
}
