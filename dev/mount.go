// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"strings"
	"sync"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
	"github.com/certagent/certagent/dev/internal/kv"
	"github.com/certagent/certagent/dev/internal/login"
	"github.com/certagent/certagent/dev/internal/pki"
)

// systemTTL is Vault's default for every unset TTL, and its maximum.
const systemTTL = 768 * time.Hour

// mount is an entry of the mount table. Config and Options are replaced, never
// modified in place.
type mount struct {
	Path        string // with a trailing slash; login methods begin with "auth/"
	Type        string
	Description string
	Accessor    string
	UUID        string
	Options     map[string]string
	mu          sync.RWMutex
	config      mountConfig
	table       backend.Table
}

// mountConfig is the part of a mount that can be tuned.
type mountConfig struct {
	DefaultLeaseTTL backend.Seconds `json:"default_lease_ttl"`
	MaxLeaseTTL     backend.Seconds `json:"max_lease_ttl"`
	ForceNoCache    bool            `json:"force_no_cache"`
	TokenType       string          `json:"token_type,omitempty"`
}

// ttls returns the mount's default and maximum TTL. Unset ones are the server's.
func (m *mount) ttls() (defaultTTL, maxTTL time.Duration) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	defaultTTL, maxTTL = durationOf(m.config.DefaultLeaseTTL), durationOf(m.config.MaxLeaseTTL)
	if maxTTL == 0 {
		maxTTL = systemTTL
	}
	if defaultTTL == 0 {
		defaultTTL = systemTTL
	}
	return defaultTTL, maxTTL
}

func durationOf(s backend.Seconds) time.Duration { return time.Duration(s) }

// factories create the backends that can be mounted below /v1/ and /v1/auth/.
var (
	engines = map[string]func(options map[string]string) backend.Backend{
		"kv":    kv.New,
		"kv-v1": func(map[string]string) backend.Backend { return kv.NewV1() },
		"kv-v2": func(map[string]string) backend.Backend { return kv.NewV2() },
		"pki":   func(map[string]string) backend.Backend { return pki.New() },
	}
	methods = map[string]func() backend.Backend{
		"approle":    func() backend.Backend { return login.NewAppRole() },
		"cert":       func() backend.Backend { return login.NewCert() },
		"jwt":        func() backend.Backend { return login.NewJWT() },
		"kubernetes": func() backend.Backend { return login.NewKubernetes() },
		"userpass":   func() backend.Backend { return login.NewUserPass() },
	}
)

// mountTable owns the mounts.
type mountTable struct {
	mu     sync.RWMutex
	byPath map[string]*mount
}

func newMountTable(s *Server) *mountTable {
	t := &mountTable{byPath: make(map[string]*mount)}
	t.put(newMount("sys/", "system", systemMount{s}))
	t.put(newMount("auth/token/", "token", tokenMount{s}))
	secret := newMount("secret/", "kv", kv.NewV2())
	secret.Description, secret.Options = "key/value secret storage", map[string]string{"version": "2"}
	t.put(secret)
	return t
}

func newMount(path, kind string, b backend.Backend) *mount {
	prefix := kind
	if strings.HasPrefix(path, "auth/") {
		prefix = "auth_" + kind
	}
	m := &mount{Path: path, Type: kind, Accessor: prefix + "_" + backend.UUID()[:8], UUID: backend.UUID(), table: b.Routes()}
	if strings.HasPrefix(path, "auth/") {
		m.config.TokenType = "default-service"
	}
	return m
}

func (t *mountTable) put(m *mount) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byPath[m.Path] = m
}

// add mounts m. It refuses a path that equals, contains or lies below another
// mount's.
func (t *mountTable) add(m *mount) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for path := range t.byPath {
		if strings.HasPrefix(path, m.Path) || strings.HasPrefix(m.Path, path) {
			return backend.BadRequest("path is already in use at %s", strings.TrimPrefix(path, "auth/"))
		}
	}
	t.byPath[m.Path] = m
	return nil
}

func (t *mountTable) remove(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byPath, path)
}

func (t *mountTable) get(path string) *mount {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byPath[path]
}

// find returns the mount that a path belongs to.
func (t *mountTable) find(path string) *mount {
	t.mu.RLock()
	defer t.mu.RUnlock()
	path += "/"
	for i := range len(path) {
		if path[i] == '/' {
			if m := t.byPath[path[:i+1]]; m != nil {
				return m
			}
		}
	}
	return nil
}

// all returns the login methods or the other mounts.
func (t *mountTable) all(auth bool) []*mount {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []*mount
	for path, m := range t.byPath {
		if strings.HasPrefix(path, "auth/") == auth {
			list = append(list, m)
		}
	}
	return list
}

// describe returns a mount as listings show it. With effective TTLs, zeros are
// replaced by the values that apply.
func (m *mount) describe(effective bool) map[string]any {
	m.mu.RLock()
	config := m.config
	m.mu.RUnlock()
	if effective {
		d, x := m.ttls()
		config.DefaultLeaseTTL, config.MaxLeaseTTL = backend.Seconds(d), backend.Seconds(x)
	}
	return map[string]any{
		"accessor": m.Accessor, "config": config, "deprecation_status": "supported", "description": m.Description,
		"external_entropy_access": false, "local": false, "options": m.Options, "plugin_version": "",
		"running_plugin_version": "v" + version + "+certagent.dev", "running_sha256": "", "seal_wrap": false,
		"type": m.Type, "uuid": m.UUID,
	}
}
