// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package kv

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// defaultMaxVersions is how many versions of an entry are kept by default.
const defaultMaxVersions = 10

// V2 is version 2: versions with metadata, which can be deleted and undeleted.
type V2 struct {
	mu      sync.Mutex
	config  config
	entries map[string]*entry
}

// config is the configuration of the mount or of an entry.
type config struct {
	CASRequired        bool            `json:"cas_required"`
	DeleteVersionAfter backend.Seconds `json:"delete_version_after"`
	MaxVersions        int             `json:"max_versions"`
}

// NewV2 returns an empty version 2 mount.
func NewV2() *V2 { return &V2{entries: make(map[string]*entry)} }

// Routes returns the routes of the mount.
func (v *V2) Routes() backend.Table {
	return backend.Table{
		{Pattern: "config", Read: v.readConfig, Update: v.writeConfig},
		{Pattern: "data/{path...}", Read: v.read, Update: v.write, Delete: v.deleteLatest, Exists: v.exists},
		{Pattern: "metadata/{path...}", Read: v.readMetadata, Update: v.writeMetadata, Delete: v.deleteMetadata, List: v.list, Exists: v.exists},
		{Pattern: "delete/{path...}", Update: v.change(func(x *version, now time.Time) { x.deleteAt(now) })},
		{Pattern: "undelete/{path...}", Update: v.change(func(x *version, _ time.Time) { x.undelete() })},
		{Pattern: "destroy/{path...}", Update: v.change(func(x *version, _ time.Time) { x.destroy() })},
		{Pattern: "{path...}", Read: notVersioned, Update: notVersioned, Delete: notVersioned, List: notVersioned},
	}
}

func notVersioned(*backend.Request) (*backend.Response, error) {
	return &backend.Response{Status: http.StatusNotFound, Warnings: []string{
		"Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation.",
	}}, nil
}

func (v *V2) exists(r *backend.Request) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.entries[r.Params["path"]] != nil
}

func (v *V2) readConfig(*backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return backend.Data(map[string]any{
		"cas_required": v.config.CASRequired, "max_versions": v.config.MaxVersions,
		"delete_version_after": time.Duration(v.config.DeleteVersionAfter).String(),
	})
}

func (v *V2) writeConfig(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return nil, r.Fields.Decode(&v.config)
}

// read returns the requested version, or the latest. A deleted or destroyed
// version is a 404 that contains the metadata.
func (v *V2) read(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.entries[r.Params["path"]]
	if e == nil {
		return nil, nil
	}
	number, err := e.number(r.Fields.String("version"))
	x := e.versions[number]
	if err != nil || x == nil {
		return nil, err
	}
	data := map[string]any{"data": x.data, "metadata": x.metadata(number, e.custom)}
	if x.gone(r.Now) {
		data["data"] = nil
		return &backend.Response{Data: data, Status: http.StatusNotFound}, nil
	}
	return backend.Data(data)
}

// number parses a version number. Absent and 0 mean the latest version.
func (e *entry) number(text string) (int, error) {
	if text == "" || text == "0" {
		return e.current, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, backend.BadRequest("Field validation failed: error converting input for field %q: %v", "version", err)
	}
	return n, nil
}

func (v *V2) write(r *backend.Request) (*backend.Response, error) {
	data, ok := r.Fields["data"].(map[string]any)
	if !ok {
		return nil, backend.BadRequest("no data provided")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	path := r.Params["path"]
	e := v.entries[path]
	if e == nil {
		e = newEntry(r.Now)
	}
	if err := e.checkCAS(r.Fields["options"], v.config.CASRequired); err != nil {
		return nil, err
	}
	v.entries[path] = e
	x := e.add(data, r.Now, v.config)
	return backend.Data(x.metadata(e.current, e.custom))
}

func (v *V2) deleteLatest(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.entries[r.Params["path"]]; e != nil && e.versions[e.current] != nil {
		e.versions[e.current].deleteAt(r.Now)
	}
	return nil, nil
}

// change returns a handler that calls a function for each requested version.
func (v *V2) change(do func(*version, time.Time)) backend.Handler {
	return func(r *backend.Request) (*backend.Response, error) {
		var in struct {
			Versions []int `json:"versions"`
		}
		if err := r.Fields.Decode(&in); err != nil {
			return nil, err
		}
		if len(in.Versions) == 0 {
			return nil, backend.BadRequest("No version number provided")
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if e := v.entries[r.Params["path"]]; e != nil {
			for _, number := range in.Versions {
				if x := e.versions[number]; x != nil {
					do(x, r.Now)
				}
			}
		}
		return nil, nil
	}
}

func (v *V2) list(r *backend.Request) (*backend.Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return backend.Keys(children(slices.Collect(maps.Keys(v.entries)), r.Params["path"]))
}
