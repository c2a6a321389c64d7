// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"net/http"
	"strings"
)

// Route is a row of a mount's table. Pattern is a path of literal segments and
// of names in braces, "role/{name}/secret-id"; a last segment "{name...}" takes
// the rest of the path, which may be empty.
type Route struct {
	Pattern string
	// Public routes need no token.
	Public                     bool
	Read, Update, Delete, List Handler
	// Exists tells creating from updating for policies; nil means that every
	// write is an update.
	Exists func(*Request) bool
}

// Table is what a mount can do.
type Table []Route

// Backend is something that can be mounted.
type Backend interface{ Routes() Table }

// Match returns the first route whose pattern fits the path, and the path's
// parts by the pattern's names. A trailing slash does not count.
func (t Table) Match(path string) (*Route, map[string]string) {
	path = strings.TrimSuffix(path, "/")
	for i := range t {
		if params, ok := match(t[i].Pattern, path); ok {
			return &t[i], params
		}
	}
	return nil, nil
}

func match(pattern, path string) (map[string]string, bool) {
	var params map[string]string
	for pattern != "" {
		var want string
		want, pattern, _ = strings.Cut(pattern, "/")
		name, isParam := strings.CutPrefix(want, "{")
		name = strings.TrimSuffix(name, "}")
		if rest, all := strings.CutSuffix(name, "..."); isParam && all {
			return set(params, rest, path), true
		}
		if path == "" {
			return nil, false
		}
		var got string
		got, path, _ = strings.Cut(path, "/")
		switch {
		case isParam && got != "":
			params = set(params, name, got)
		case isParam || got != want:
			return nil, false
		}
	}
	return params, path == ""
}

func set(params map[string]string, name, value string) map[string]string {
	if params == nil {
		params = make(map[string]string)
	}
	params[name] = value
	return params
}

// Handler returns the route's handler for an operation.
func (r *Route) Handler(op Operation) (Handler, error) {
	h := map[Operation]Handler{Read: r.Read, Update: r.Update, Delete: r.Delete, List: r.List}[op]
	if h == nil {
		return nil, Listed(http.StatusMethodNotAllowed, "unsupported operation")
	}
	return h, nil
}

// ErrUnsupportedPath is what a path outside a mount's table is told.
var ErrUnsupportedPath = Listed(http.StatusNotFound, "unsupported path")
