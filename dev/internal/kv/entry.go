// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package kv

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/certagent/certagent/dev/internal/backend"
)

// entry is a path of a version 2 mount.
type entry struct {
	config
	created, updated time.Time
	current          int
	custom           map[string]string
	versions         map[int]*version
}

// version is one version of an entry. Its data is never modified.
type version struct {
	data      map[string]any
	created   time.Time
	deleted   time.Time // zero: never; may be in the future
	destroyed bool
}

func newEntry(now time.Time) *entry {
	return &entry{created: now, updated: now, versions: make(map[int]*version)}
}

// add appends a version and removes versions beyond the limit of the entry or, if
// that is unset, of the mount.
func (e *entry) add(data map[string]any, now time.Time, mount config) *version {
	x := &version{data: data, created: now}
	if after := time.Duration(max(e.DeleteVersionAfter, mount.DeleteVersionAfter)); after > 0 {
		x.deleted = now.Add(after)
	}
	e.current++
	e.versions[e.current], e.updated = x, now
	limit := defaultMaxVersions
	if e.MaxVersions > 0 {
		limit = e.MaxVersions
	} else if mount.MaxVersions > 0 {
		limit = mount.MaxVersions
	}
	delete(e.versions, e.current-limit)
	return x
}

// checkCAS compares the version that the writer expects with the current one.
func (e *entry) checkCAS(options any, mountRequires bool) error {
	fields, _ := options.(map[string]any)
	known, given := fields["cas"]
	if !given {
		if e.CASRequired || mountRequires {
			return backend.BadRequest("check-and-set parameter required for this call")
		}
		return nil
	}
	number, err := strconv.Atoi(fmt.Sprint(known))
	if _, isNumber := known.(json.Number); err != nil || !isNumber {
		return backend.BadRequest("error parsing check-and-set parameter")
	}
	if number != e.current {
		return backend.BadRequest("check-and-set parameter did not match the current version")
	}
	return nil
}

func (x *version) gone(now time.Time) bool {
	return x.destroyed || !x.deleted.IsZero() && !now.Before(x.deleted)
}

func (x *version) deleteAt(now time.Time) {
	if !x.gone(now) {
		x.deleted = now
	}
}

func (x *version) undelete() { x.deleted = time.Time{} }

func (x *version) destroy() { x.data, x.destroyed = nil, true }

// metadata returns the metadata of a version for reads and writes.
func (x *version) metadata(number int, custom map[string]string) map[string]any {
	m := x.state()
	m["version"], m["custom_metadata"] = number, custom
	return m
}

func (x *version) state() map[string]any {
	deletion := ""
	if !x.deleted.IsZero() {
		deletion = x.deleted.Format(time.RFC3339Nano)
	}
	return map[string]any{"created_time": x.created, "deletion_time": deletion, "destroyed": x.destroyed}
}
