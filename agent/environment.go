// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"maps"
	"slices"
	"sync"

	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/redact"
)

// environment holds the variables that the env_templates render. The zero value is
// empty.
type environment struct {
	mu     sync.Mutex
	values map[string]redact.Bytes
}

// SetEnv sets a variable for the next start of the children.
func (e *environment) SetEnv(name string, value redact.Bytes) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.values == nil {
		e.values = make(map[string]redact.Bytes)
	}
	e.values[name] = value
}

// HasEnv reports whether the variable has that value.
func (e *environment) HasEnv(name string, value redact.Bytes) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	old, known := e.values[name]
	return known && string(old) == string(value)
}

// environ returns a child's environment.
func (e *environment) environ() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(e.values)) {
		extra = append(extra, name+"="+string(e.values[name]))
	}
	return exec.Environ(extra)
}
