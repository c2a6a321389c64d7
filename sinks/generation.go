// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A Generation is what [Publish] makes the one that readers see.
type Generation struct {
	// Name is the bundle's. It becomes part of file names: it must be neither
	// empty nor longer than 200 bytes, and hold neither a slash nor a zero byte.
	Name string

	// Number is recorded as it is; a [Directory] may take a later one.
	Number uint64

	// Files are renamed in this order, keys first. The record is kept in the
	// directory of the first, or in that of the bundle.
	Files []File

	// Payload is recorded together with the files: whoever finds the new files
	// after a crash finds it, too.
	Payload json.RawMessage
}

var (
	errDuplicate = errors.New("destination is named twice")
	errNoFiles   = errors.New("no files")
)

// checked returns g with absolute paths, or why it cannot be published.
func (g Generation) checked() (Generation, error) {
	if err := checkName(g.Name); err != nil {
		return g, err
	}
	if len(g.Files) == 0 {
		return g, fmt.Errorf("publishing %q: %w", g.Name, errNoFiles)
	}
	files := make([]File, len(g.Files))
	for i, f := range g.Files {
		path, err := absoluteDestination(f.Path)
		if err != nil {
			return g, err
		}
		f.Path = path
		files[i] = f
		for _, earlier := range files[:i] {
			if earlier.Path == path {
				return g, &Error{Op: "publishing", Path: path, Err: errDuplicate}
			}
		}
	}
	g.Files = files
	return g, nil
}
