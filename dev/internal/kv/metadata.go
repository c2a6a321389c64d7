// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package kv

import (
	"strconv"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

func (v *V2) readMetadata(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.entries[r.Params["path"]]
	if e == nil {
		return nil, nil
	}
	versions, oldest := make(map[string]any), 0
	for number, x := range e.versions {
		versions[strconv.Itoa(number)] = x.state()
		if oldest == 0 || number < oldest {
			oldest = number
		}
	}
	if e.current == len(e.versions) {
		oldest = 0 // while no version has been removed
	}
	return backend.Data(map[string]any{
		"cas_required": e.CASRequired, "created_time": e.created, "current_version": e.current, "custom_metadata": e.custom,
		"delete_version_after": time.Duration(e.DeleteVersionAfter).String(), "max_versions": e.MaxVersions,
		"oldest_version": oldest, "updated_time": e.updated, "versions": versions,
	})
}

func (v *V2) writeMetadata(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	path := r.Params["path"]
	e := v.entries[path]
	if e == nil {
		e = newEntry(r.Now)
	}
	var in struct {
		Custom map[string]string `json:"custom_metadata"`
	}
	if err := r.Fields.Decode(&in); err != nil {
		return nil, err
	}
	if err := r.Fields.Decode(&e.config); err != nil {
		return nil, err
	}
	if in.Custom != nil {
		e.custom = in.Custom
	}
	v.entries[path] = e
	return nil, nil
}

// deleteMetadata removes an entry with all its versions.
func (v *V2) deleteMetadata(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.entries, r.Params["path"])
	return nil, nil
}
