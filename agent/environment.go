// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

// fits returns an error if a program could not be started with these values of variables
// and the present ones of the others.
func (e *environment) fits(argv []string, values map[string]redact.Bytes) error {
	for name := range values {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return fmt.Errorf("environment variable %q: no environment can hold a variable of this name", name)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	all := maps.Clone(e.values)
	if all == nil {
		all = make(map[string]redact.Bytes)
	}
	maps.Copy(all, values)
	return exec.CheckEnviron(argv, environ(all))
}

// environ returns a child's environment.
func (e *environment) environ() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return environ(e.values)
}

func environ(values map[string]redact.Bytes) []string {
	var extra []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		extra = append(extra, name+"="+string(values[name]))
	}
	return exec.Environ(extra)
}
