// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"path"
	"strings"
	"sync"
)

// mount is the mount of a secrets engine: its path, and whether it is KV version 2,
// whose paths have "data" or "metadata" after the mount.
type mount struct {
	path string // with a slash at its end
	kv2  bool
}

// mounts caches the mounts of paths. It makes one look-up at a time, so that many first
// reads below one mount make one.
type mounts struct {
	lookUp func(ctx context.Context, token, path string) (mount, *Error)
	turn   chan struct{}

	mu    sync.Mutex
	known map[string]mount // by path
}

func newMounts(lookUp func(ctx context.Context, token, path string) (mount, *Error)) *mounts {
	return &mounts{lookUp: lookUp, turn: make(chan struct{}, 1), known: make(map[string]mount)}
}

// of returns the mount of a path. If the server refuses the look-up (403), or is too old
// for it (404), the mount counts as not versioned.
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

// find returns the longest known mount above the path.
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

// forget removes the mounts above the path from the cache: they may have been replaced,
// or may be visible only now.
func (m *mounts) forget(secret string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for prefix := range m.known {
		if strings.HasPrefix(secret+"/", prefix) {
			delete(m.known, prefix)
		}
	}
}

// dataPath returns the path of the secret in KV version 2. Paths that contain "data" and
// the like already are returned unchanged.
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

// listPath returns the path that lists keys in KV version 2.
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

// unversioned reports whether the path is below one of Vault's own mounts, which are not
// KV.
func unversioned(secret string) bool {
	first, _, _ := strings.Cut(secret, "/")
	switch first {
	case "sys", "auth", "identity", "cubbyhole":
		return true
	}
	return false
}

// issuesKey reports whether the path is that of pki/issue, which makes certificate and
// key.
func issuesKey(secret string) bool {
	segments := strings.Split(secret, "/")
	return len(segments) >= 3 && segments[len(segments)-2] == "issue"
}

// issues reports whether a write to the path looks like one that issues a certificate.
// Looking up the mount first would double the requests, and require a permission that
// least-privilege policies do not give.
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

// isIssuer reports whether the path looks like that of the default issuer of a PKI
// mount, which is polled for changes.
func isIssuer(secret string) bool {
	return strings.HasSuffix(secret, "/cert/ca") || strings.HasSuffix(secret, "/cert/ca_chain")
}
