// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package kv

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// V1 is version 1: one value for each path.
type V1 struct {
	mu   sync.RWMutex
	data map[string]map[string]any // replaced, never modified
}

// NewV1 returns an empty version 1 mount.
func NewV1() *V1 { return &V1{data: make(map[string]map[string]any)} }

// Routes returns the only route.
func (v *V1) Routes() backend.Table {
	return backend.Table{{Pattern: "{path...}", Read: v.read, Update: v.write, Delete: v.delete, List: v.list, Exists: v.exists}}
}

func (v *V1) get(path string) (map[string]any, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	data, ok := v.data[path]
	return data, ok
}

func (v *V1) exists(r *backend.Request) bool {
	_, ok := v.get(r.Params["path"])
	return ok
}

// read returns the value. Its lease_duration is a hint when to read it again. The
// value can set it in a field "ttl" or "lease". There is no lease.
func (v *V1) read(r *backend.Request) (*backend.Response, error) {
	data, ok := v.get(r.Params["path"])
	if !ok {
		return nil, nil
	}
	hint := r.DefaultTTL
	for _, name := range []string{"ttl", "lease"} {
		if value, ok := data[name]; ok {
			if d, err := backend.ParseDuration(value); err == nil && d > 0 {
				hint = min(d, r.MaxTTL)
			}
			break
		}
	}
	return &backend.Response{Data: data, LeaseDuration: hint / time.Second * time.Second}, nil
}

func (v *V1) write(r *backend.Request) (*backend.Response, error) {
	if r.Params["path"] == "" {
		return nil, backend.ErrUnsupportedPath
	}
	if len(r.Fields) == 0 {
		return nil, backend.BadRequest("missing data fields")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.data[r.Params["path"]] = r.Fields
	return nil, nil
}

func (v *V1) delete(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.data, r.Params["path"])
	return nil, nil
}

func (v *V1) list(r *backend.Request) (*backend.Response, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return backend.Keys(children(slices.Collect(maps.Keys(v.data)), r.Params["path"]))
}
