// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"net/http"
	"strings"
)

// Route is an entry of a mount's table. Pattern is a path of literal segments and
// names in braces, such as "role/{name}/secret-id". A last segment "{name...}"
// matches the rest of the path, which may be empty.
type Route struct {
	Pattern string
	// Public routes need no token.
	Public                     bool
	Read, Update, Delete, List Handler
	// Exists reports whether a write is an update, as opposed to a creation, for the
	// check of policies. Nil: every write is an update.
	Exists func(*Request) bool
}

// Table contains the routes of a mount.
type Table []Route

// Backend is a secrets engine or a login method.
type Backend interface{ Routes() Table }

// Match returns the first route whose pattern matches the path, and the values of
// the names in the pattern. It ignores a trailing slash.
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

// ErrUnsupportedPath is the answer to a path that is not in a mount's table.
var ErrUnsupportedPath = Listed(http.StatusNotFound, "unsupported path")
