// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"path"
	"slices"
	"sync"
)

// stage writes the directory of a generation, which readers do not see yet, and its
// record. If it fails, the caller has to discard the generation.
func (s *openLinkDir) stage(ctx context.Context, record Record, files []File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	encoded, err := record.encode()
	if err != nil {
		return err
	}
	g := staging{}
	defer g.close()
	if err := g.write(s, record, encoded, files); err != nil {
		return err
	}
	if err := g.sync(); err != nil {
		return err
	}
	for _, d := range slices.Backward(g.dirs) {
		if err := d.finish(s.attributes()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// discard removes a generation that readers do not see, and its record.
func (s *openLinkDir) discard(n uint64) error {
	if err := s.dir.removeTree(generationName(n)); err != nil {
		return err
	}
	return s.dir.remove(generationRecordName(n))
}

// staging is a generation that is being written.
type staging struct {
	dirs   []*directory // that of the generation first, its subdirectories after it
	byName map[string]*directory
	files  []newFile // open
}

// write writes all files. It does not sync them.
func (g *staging) write(s *openLinkDir, record Record, encoded []byte, files []File) error {
	root, err := s.dir.makeSubdir(generationName(record.Generation))
	if err != nil {
		return err
	}
	g.dirs = append(g.dirs, root)
	g.byName = map[string]*directory{".": root}
	for _, f := range files {
		name := s.relative(f.Path)
		dir, err := g.subdir(path.Dir(name))
		if err != nil {
			return err
		}
		if err := g.file(dir, path.Base(name), f.Path, f.Content, f.attributes(s.state.stats[f.Path])); err != nil {
			return err
		}
	}
	name := generationRecordName(record.Generation)
	return g.file(s.dir, name, s.dir.join(name), encoded, recordAttributes)
}

// subdir returns a directory of the generation by its relative path. It creates the
// directory if it is missing.
func (g *staging) subdir(name string) (*directory, error) {
	if d := g.byName[name]; d != nil {
		return d, nil
	}
	parent, err := g.subdir(path.Dir(name))
	if err != nil {
		return nil, err
	}
	d, err := parent.makeSubdir(path.Base(name))
	if err != nil {
		return nil, err
	}
	g.dirs, g.byName[name] = append(g.dirs, d), d
	return d, nil
}

// file writes one file and leaves it open.
func (g *staging) file(dir *directory, name, destination string, content []byte, a attributes) error {
	fd, err := dir.createExclusively(name, a)
	if err != nil {
		return &Error{Op: "creating the new file", Path: destination, Err: err}
	}
	f := newFile{fd, destination}
	g.files = append(g.files, f)
	return f.fill(content, a)
}

// sync makes the content of all files durable, concurrently because most of the
// time is spent waiting for the disk, and closes them.
func (g *staging) sync() error {
	errs := make([]error, len(g.files))
	var all sync.WaitGroup
	for i, f := range g.files {
		all.Go(func() { errs[i] = f.sync() })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	for len(g.files) > 0 {
		f := g.files[0]
		g.files = g.files[1:]
		if err := f.close(); err != nil {
			return err
		}
	}
	return nil
}

func (g *staging) close() {
	for _, f := range g.files {
		f.close()
	}
	for _, d := range g.dirs {
		d.close()
	}
}
