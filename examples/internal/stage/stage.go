// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package stage provides what examples run on: a directory, the embedded dev server,
// certagent and other processes. Close removes all of it.
//
// It knows nothing about what an example shows, and manages only the processes that it
// started.
package stage

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Stage is a directory and the processes that run in it.
type Stage struct {
	// Dir is temporary. Processes run in it, so that configuration files can
	// name their files by relative paths.
	Dir string

	certagent string
	stops     []func() error // called in reverse order
}

// New returns a stage whose directory has a copy of the files.
func New(name string, files embed.FS) (*Stage, error) {
	dir, err := os.MkdirTemp("", "certagent-"+name+"-")
	if err != nil {
		return nil, err
	}
	s := &Stage{Dir: dir}
	s.OnClose(func() error { return os.RemoveAll(dir) })
	if err := copyFiles(dir, files); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func copyFiles(dir string, files embed.FS) error {
	names, err := fs.Glob(files, "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return fmt.Errorf("copying %s: %w", name, err)
		}
	}
	return nil
}

// Path returns the path of a file in the directory.
func (s *Stage) Path(name string) string { return filepath.Join(s.Dir, name) }

// Write writes a file in the directory, with mode 0600.
func (s *Stage) Write(name, content string) error {
	return os.WriteFile(s.Path(name), []byte(content), 0o600)
}

// OnClose registers a function for Close, which calls the last one first.
func (s *Stage) OnClose(stop func() error) { s.stops = append(s.stops, stop) }

// Close undoes everything in reverse order: it stops the processes, then the server,
// and removes the directory.
func (s *Stage) Close() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	s.stops = nil
	return errors.Join(errs...)
}
