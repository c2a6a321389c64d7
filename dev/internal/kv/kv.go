// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package kv is the key/value secrets engine, versions 1 and 2.
package kv

import (
	"maps"
	"slices"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

// New returns version 2 if the mount's options request it, and version 1 otherwise.
func New(options map[string]string) backend.Backend {
	if options["version"] == "2" {
		return NewV2()
	}
	return NewV1()
}

// children lists the names and folders directly below a folder, sorted. Folders
// have a trailing slash.
func children(all []string, folder string) []string {
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	found := make(map[string]struct{})
	for _, path := range all {
		rest, ok := strings.CutPrefix(path, folder)
		if !ok || rest == "" {
			continue
		}
		if name, _, isFolder := strings.Cut(rest, "/"); isFolder {
			rest = name + "/"
		}
		found[rest] = struct{}{}
	}
	return slices.Sorted(maps.Keys(found))
}
