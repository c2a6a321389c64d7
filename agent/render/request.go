// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/certagent/certagent/redact"
)

// Kind is the manner in which a request asks Vault.
type Kind int

// The kinds of requests.
const (
	Read        Kind = iota // secret without parameters: GET
	Write                   // secret with parameters: PUT
	List                    // secrets: LIST
	Certificate             // pkiCert: PUT, and the answer is one certificate
)

// String returns the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Read:
		return "read"
	case Write:
		return "write"
	case List:
		return "list"
	case Certificate:
		return "certificate"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Request is what a template asks of Vault. Equal requests, however they were
// written, compare equal, and so share one answer.
type Request struct {
	Kind Kind
	// Path has no slashes at its ends. That of a Read is escaped as in a URL and
	// may have a query, such as "?version=2", which is sorted.
	Path string
	// Params are the parameters of a Write or a Certificate: a JSON object of
	// texts with sorted names and without spaces, "{}" for none. Reads and lists
	// have none: "".
	Params redact.Secret
}

// String names the request without its parameters, which may be secrets.
func (r Request) String() string { return r.Kind.String() + " " + r.Path }

// readOrWrite returns the request of a call of secret, which reads if it has no
// parameters at all, not even empty ones.
func readOrWrite(path string, params []string) (Request, error) {
	if len(params) > 0 {
		return newRequest(Write, path, params)
	}
	return newRequest(Read, path, nil)
}

// newRequest returns the request of a template function's arguments. As in
// consul-template a path loses its outer space and slashes, names and values
// lose their outer space, empty parameters do not count, and of two with one
// name the last counts. Values count as text: 1h and 60m differ.
func newRequest(kind Kind, path string, params []string) (Request, error) {
	path, err := canonicalPath(kind, path)
	if err != nil || kind == Read || kind == List {
		return Request{Kind: kind, Path: path}, err
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

// canonicalPath returns a path as a request of a kind has it. As in
// consul-template the paths of secret without parameters and of pkiCert are
// URLs; pkiCert ignores the query.
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
			path, query = (&url.URL{Path: u.Path}).EscapedPath(), u.Query().Encode()
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
