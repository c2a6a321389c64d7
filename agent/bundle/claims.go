// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// Claims are the locks that keep a second agent from publishing to the same
// files. The zero value holds none.
type Claims struct {
	held  []*sinks.Claim
	paths map[string]bool // what is claimed already
}

// Close releases all locks.
func (c *Claims) Close() {
	for _, claim := range c.held {
		_ = claim.Close() // a lock that is not given back ends with us
	}
}

// add claims what is not claimed yet of the files of a target.
func (c *Claims) add(t target, files []sinks.File) error {
	var fresh []sinks.File
	for _, f := range files {
		if path := t.claimed(f.Path); !c.paths[path] {
			fresh = append(fresh, f)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	claim, err := c.claim(t, fresh)
	if err != nil {
		return err
	}
	if c.paths == nil {
		c.paths = make(map[string]bool)
	}
	c.held = append(c.held, claim)
	for _, f := range fresh {
		c.paths[t.claimed(f.Path)] = true
	}
	if t.directory != nil {
		c.paths[t.directory.Path] = true
	}
	return nil
}

func (c *Claims) claim(t target, files []sinks.File) (*sinks.Claim, error) {
	if t.directory == nil || !c.paths[t.directory.Path] {
		return t.claim(files)
	}
	for i, f := range files { // the directory is ours already: only names in it are new
		files[i].Path = t.claimed(f.Path)
	}
	return sinks.ClaimDestinations(files)
}

// claimed is the path that a claim to a file is for: in a directory it is the name
// that is replaced as a whole.
func (t target) claimed(path string) string {
	if t.directory == nil {
		return path
	}
	below, err := filepath.Rel(t.directory.Path, path)
	if err != nil {
		return path
	}
	first, _, _ := strings.Cut(below, "/")
	return filepath.Join(t.directory.Path, first)
}

// claim claims all destinations that are not claimed yet. That a directory cannot
// be written to now is no reason not to start: publishing will say so until it
// can.
func (c *Claims) Claim(all *Members, log *slog.Logger) error {
	lock := func(t target, files []sinks.File) error {
		err := c.add(t, files)
		if err != nil && !errors.Is(err, sinks.ErrClaimed) {
			log.Warn(logmsg.NotLocked, logkey.Error, err)
			return nil
		}
		return err
	}
	errs := []error{lock(target{}, destinations(all.templates))}
	for _, b := range all.blocks {
		t := newTarget(b.config)
		if err := t.lookUp(); err != nil {
			log.Error(logmsg.OwnerUnknown, logkey.Bundle, b.config.Name, logkey.Error, err)
			continue // publishing says so as well
		}
		errs = append(errs, lock(t, b.files()))
	}
	if err := errors.Join(errs...); err != nil {
		return &Failure{Kind: Publish, Err: err}
	}
	return nil
}
