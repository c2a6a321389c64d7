// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package kv is the key/value secrets engine, both of its versions.
package kv

import (
	"maps"
	"slices"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

// New returns version 2 if the mount's options ask for it, else version 1.
func New(options map[string]string) backend.Backend {
	if options["version"] == "2" {
		return NewV2()
	}
	return NewV1()
}

// children lists what lies directly below a folder: names, and folders with a
// slash, in order.
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
