// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"path/filepath"

	"github.com/certagent/certagent/agent/config"
)

// member is what the templates and the certificates of a bundle have in common.
type member struct {
	index int // of its own, and in the order of the configuration
	pos   config.Pos
	name  string // its first destination, or its variable
	owner owner
}

// absolute makes a destination absolute. One that cannot be is left as it is;
// publishing says what is wrong with it.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
