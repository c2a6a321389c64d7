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
	paths map[string]bool // the locked ones
}

// Close releases all locks.
func (c *Claims) Close() {
	for _, claim := range c.held {
		_ = claim.Close() // the kernel releases the lock when the process ends
	}
}

// add locks the files of a target that are not locked yet.
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
	for i, f := range files { // the directory is locked already; only names in it are new
		files[i].Path = t.claimed(f.Path)
	}
	return sinks.ClaimDestinations(files)
}

// claimed returns the path that is locked for a file: in a directory, the name
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

// Claim locks all destinations of the members that are not locked yet. It fails,
// with a *Failure, if another agent holds one of them. A directory that cannot be
// written to is logged and does not keep the agent from starting: publishing is
// retried until it can be.
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
			continue // publishing fails with the same error
		}
		errs = append(errs, lock(t, b.files()))
	}
	if err := errors.Join(errs...); err != nil {
		return &Failure{Kind: Publish, Err: err}
	}
	return nil
}
