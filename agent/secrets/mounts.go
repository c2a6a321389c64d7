// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"path"
	"strings"
	"sync"
)

// mount is what matters about a secrets engine: where it is, and whether it is
// KV version 2, whose paths have "data" or "metadata" after the mount.
type mount struct {
	path string // with a slash at its end
	kv2  bool
}

// mounts remembers the mounts of the paths that were asked for. One look-up is
// made at a time, so that many first reads below one mount make one.
type mounts struct {
	lookUp func(ctx context.Context, token, path string) (mount, *Error)
	turn   chan struct{}

	mu    sync.Mutex
	known map[string]mount // by path
}

func newMounts(lookUp func(ctx context.Context, token, path string) (mount, *Error)) *mounts {
	return &mounts{lookUp: lookUp, turn: make(chan struct{}, 1), known: make(map[string]mount)}
}

// of returns the mount of a path. A server that refuses to tell (403), or is too
// old to know how (404), is taken to have no versioned mount there.
func (m *mounts) of(ctx context.Context, token, secret string) (mount, *Error) {
	if found, ok := m.find(secret); ok {
		return found, nil
	}
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return mount{}, &Error{Class: Transient, cause: networkCause(ctx.Err())}
	}
	if found, ok := m.find(secret); ok {
		return found, nil
	}
	found, err := m.lookUp(ctx, token, secret)
	switch {
	case err != nil && (err.Class == Denied || err.Class == NotFound || err.Class == Refused):
		found = mount{path: secret + "/"}
	case err != nil:
		return mount{}, err
	case found.path == "" || !strings.HasPrefix(secret+"/", found.path):
		return found, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[found.path] = found
	return found, nil
}

// find looks for the longest known mount above the path.
func (m *mounts) find(secret string) (mount, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for prefix := secret + "/"; prefix != ""; {
		if found, ok := m.known[prefix]; ok {
			return found, true
		}
		prefix = prefix[:strings.LastIndexByte(prefix[:len(prefix)-1], '/')+1]
	}
	return mount{}, false
}

// forget has the next question about the path look its mount up again: it may
// have been made anew, or only now become visible.
func (m *mounts) forget(secret string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for prefix := range m.known {
		if strings.HasPrefix(secret+"/", prefix) {
			delete(m.known, prefix)
		}
	}
}

// dataPath is where KV version 2 keeps the secret. Paths that say so themselves
// stay as they are.
func (m mount) dataPath(secret string) string {
	rest, ok := m.below(secret)
	if !ok {
		return secret
	}
	for _, own := range []string{"data/", "metadata/", "subkeys/"} {
		if strings.HasPrefix(rest, own) {
			return secret
		}
	}
	return path.Join(m.path, "data", rest)
}

// listPath is where KV version 2 lists keys.
func (m mount) listPath(secret string) string {
	rest, ok := m.below(secret)
	if !ok || strings.HasPrefix(rest, "metadata") {
		return secret
	}
	return path.Join(m.path, "metadata", rest)
}

func (m mount) below(secret string) (rest string, ok bool) {
	if !m.kv2 {
		return "", false
	}
	if secret+"/" == m.path {
		return "", true
	}
	return strings.CutPrefix(secret, m.path)
}

// unversioned says that nothing below the path is a KV mount: Vault's own parts.
func unversioned(secret string) bool {
	first, _, _ := strings.Cut(secret, "/")
	switch first {
	case "sys", "auth", "identity", "cubbyhole":
		return true
	}
	return false
}

// issuesKey says that the path is pki/issue's: certificate and key are made there.
func issuesKey(secret string) bool {
	segments := strings.Split(secret, "/")
	return len(segments) >= 3 && segments[len(segments)-2] == "issue"
}

// issues says that a write to the path looks like one that issues a certificate.
// Looking the mount up first would double the requests and demand a permission
// that least-privilege policies do not give.
func issues(secret string) bool {
	segments := strings.Split(secret, "/")
	for _, s := range segments[1:] {
		switch s {
		case "issue", "sign", "sign-verbatim", "sign-intermediate":
			return true
		}
	}
	return false
}

// isIssuer says that a read of the path looks like one of a PKI mount's default
// issuer, which is made again and again, to see whether it is another.
func isIssuer(secret string) bool {
	return strings.HasSuffix(secret, "/cert/ca") || strings.HasSuffix(secret, "/cert/ca_chain")
}
