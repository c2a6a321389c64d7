// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package dev

import (
	"net/http"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

func (s systemMount) listMounts(*backend.Request) (*backend.Response, error) { return s.list(false) }
func (s systemMount) listAuth(*backend.Request) (*backend.Response, error)   { return s.list(true) }

func (s systemMount) list(auth bool) (*backend.Response, error) {
	return &backend.Response{Data: s.describeAll(auth, false), TopLevel: true}, nil
}

func (s systemMount) describeAll(auth, effective bool) map[string]any {
	data := make(map[string]any)
	for _, m := range s.mounts.all(auth) {
		data[strings.TrimPrefix(m.Path, "auth/")] = m.describe(effective)
	}
	return data
}

// target splits sys/mounts/<path> and sys/auth/<path>, each with or without
// /tune, into the mount's path and the operation.
func target(r *backend.Request) (path string, auth, tune bool) {
	path, tune = strings.CutSuffix(r.Params["path"], "/tune")
	path = strings.Trim(path, "/") + "/"
	if auth = strings.HasPrefix(r.Path, "auth/"); auth {
		path = "auth/" + path
	}
	return path, auth, tune
}

func (s systemMount) readMount(r *backend.Request) (*backend.Response, error) {
	path, auth, tune := target(r)
	name, m := strings.TrimPrefix(path, "auth/"), s.mounts.get(path)
	switch {
	case m == nil && tune:
		return nil, backend.BadRequest("cannot fetch sysview for path %q", path)
	case m == nil && auth:
		return nil, backend.BadRequest("No auth engine at %s", name)
	case m == nil:
		return nil, backend.BadRequest("No secret engine mount at %s", name)
	case tune:
		return &backend.Response{Data: m.tuned(), TopLevel: true}, nil
	}
	return &backend.Response{Data: m.describe(false), TopLevel: true}, nil
}

func (m *mount) tuned() map[string]any {
	d, x := m.ttls()
	data := map[string]any{
		"default_lease_ttl": backend.Seconds(d), "max_lease_ttl": backend.Seconds(x), "description": m.Description, "force_no_cache": false,
	}
	if len(m.Options) > 0 {
		data["options"] = m.Options
	}
	if strings.HasPrefix(m.Path, "auth/") {
		data["token_type"] = "default-service"
	}
	return data
}

func (s systemMount) enableMount(r *backend.Request) (*backend.Response, error) {
	path, auth, tune := target(r)
	if tune {
		return s.tuneMount(r, path)
	}
	var in struct {
		Type        string            `json:"type"`
		Description string            `json:"description"`
		Config      map[string]any    `json:"config"`
		Options     map[string]string `json:"options"`
	}
	if err := r.Fields.Decode(&in); err != nil {
		return nil, err
	}
	if in.Type == "" {
		return nil, backend.BadRequest("backend type must be specified as a string")
	}
	var b backend.Backend
	if f := methods[in.Type]; auth && f != nil {
		b = f()
	}
	if f := engines[in.Type]; !auth && f != nil {
		b = f(in.Options)
	}
	if b == nil {
		return nil, backend.BadRequest("plugin not found in the catalog: %s", in.Type)
	}
	if version, ok := strings.CutPrefix(in.Type, "kv-v"); ok {
		in.Type, in.Options = "kv", map[string]string{"version": version}
	}
	m := newMount(path, in.Type, b)
	m.Description, m.Options = in.Description, in.Options
	if m.Options == nil {
		m.Options = map[string]string{}
	}
	if err := backend.Fields(in.Config).Decode(&m.config); err != nil {
		return nil, err
	}
	return nil, s.mounts.add(m)
}

func (s systemMount) tuneMount(r *backend.Request, path string) (*backend.Response, error) {
	m := s.mounts.get(path)
	if m == nil {
		return nil, backend.BadRequest("tune of path %q failed: no mount entry found", path)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return nil, r.Fields.Decode(&m.config)
}

func (s systemMount) disableMount(r *backend.Request) (*backend.Response, error) {
	path, _, _ := target(r)
	if path == "sys/" || path == "auth/token/" {
		return nil, backend.BadRequest("cannot unmount %q", path)
	}
	s.leases.revokePrefix(path)
	s.mounts.remove(path)
	return nil, nil
}

// uiCaller returns the caller of a ui path. These paths check permissions
// themselves.
func (s systemMount) uiCaller(r *backend.Request) (*caller, error) {
	if r.TokenID == "" {
		return nil, errNoToken
	}
	t, ok := s.tokens.lookup(r.TokenID, r.Now)
	if !ok {
		return nil, errInvalidToken
	}
	return &caller{token: t, acl: s.policies.acl(t.Policies)}, nil
}

// uiMounts lists the mounts in which the token has any capability.
func (s systemMount) uiMounts(r *backend.Request) (*backend.Response, error) {
	visible := map[bool]map[string]any{false: {}, true: {}}
	by, err := s.uiCaller(r)
	if err != nil && r.TokenID != "" {
		return nil, err
	}
	for _, auth := range []bool{false, true} {
		for _, m := range s.mounts.all(auth) {
			if by != nil && by.acl.AllowsBelow(m.Path) {
				visible[auth][strings.TrimPrefix(m.Path, "auth/")] = m.describe(true)
			}
		}
	}
	return backend.Data(map[string]any{"auth": visible[true], "secret": visible[false]})
}

// uiMount returns the mount of a path, if the token has any capability below it.
// Clients use it to find the version of a KV mount.
func (s systemMount) uiMount(r *backend.Request) (*backend.Response, error) {
	path := strings.TrimSuffix(r.Params["path"], "/") + "/"
	denied := backend.Errorf(http.StatusForbidden,
		"preflight capability check returned 403, please ensure client's policies grant access to path %q", path)
	by, err := s.uiCaller(r)
	if err != nil {
		return nil, err
	}
	m := s.mounts.find(path)
	if m == nil || !by.acl.AllowsBelow(m.Path) {
		return nil, denied
	}
	data := m.describe(true)
	data["path"] = strings.TrimPrefix(m.Path, "auth/")
	return backend.Data(data)
}
