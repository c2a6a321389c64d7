// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"
)

// stage makes the directory of a generation, which nobody sees yet, and its
// record. What it leaves behind on failure is to be discarded.
func (s *openLinkDir) stage(ctx context.Context, record Record, files []located) error {
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

// staging is a generation that is being written.
type staging struct {
	dirs  []*directory // the generation's own first, those below after it
	below map[string]*directory
	open  []unsynced
}

type unsynced struct {
	descriptor
	destination string
}

// write writes all files; nothing is durable yet.
func (g *staging) write(s *openLinkDir, record Record, encoded []byte, files []located) error {
	root, err := s.dir.makeDirectory(generationName(record.Generation))
	if err != nil {
		return err
	}
	g.dirs = append(g.dirs, root)
	g.below = map[string]*directory{".": root}
	for _, f := range files {
		dir, err := g.directory(path.Dir(f.name))
		if err != nil {
			return err
		}
		if err := g.file(dir, path.Base(f.name), f.Path, f.Content, f.attributes(s.state.stats[f.name])); err != nil {
			return err
		}
	}
	name := generationRecordName(record.Generation)
	return g.file(s.dir, name, s.dir.join(name), encoded, recordAttributes)
}

// directory returns a directory of the generation by its name in it.
func (g *staging) directory(name string) (*directory, error) {
	if d := g.below[name]; d != nil {
		return d, nil
	}
	parent, err := g.directory(path.Dir(name))
	if err != nil {
		return nil, err
	}
	d, err := parent.makeDirectory(path.Base(name))
	if err != nil {
		return nil, err
	}
	g.dirs, g.below[name] = append(g.dirs, d), d
	return d, nil
}

// file writes one file and leaves it open.
func (g *staging) file(dir *directory, name, destination string, content []byte, a attributes) error {
	f, err := dir.createTemp(name, a)
	if err != nil {
		return &Error{Op: "creating the new file", Path: destination, Err: err}
	}
	g.open = append(g.open, unsynced{f, destination})
	if op, err := f.fill(content, a); err != nil {
		return &Error{Op: op, Path: destination, Err: err}
	}
	return nil
}

// sync makes the content of all files durable, at once, for the time goes by
// waiting for the disk, and closes them.
func (g *staging) sync() error {
	errs := make([]error, len(g.open))
	var all sync.WaitGroup
	for i, f := range g.open {
		all.Go(func() { errs[i] = f.sync() })
	}
	all.Wait()
	for i, f := range g.open {
		if errs[i] != nil {
			return &Error{Op: "syncing the new content", Path: f.destination, Err: errs[i]}
		}
	}
	for len(g.open) > 0 {
		f := g.open[0]
		g.open = g.open[1:]
		if err := f.close(); err != nil {
			return &Error{Op: "closing the new file", Path: f.destination, Err: err}
		}
	}
	return nil
}

func (g *staging) close() {
	for _, f := range g.open {
		f.close()
	}
	for _, d := range g.dirs {
		d.close()
	}
}

// discard removes a generation that nobody sees, and its record.
func (s *openLinkDir) discard(n uint64) error {
	if err := s.dir.removeTree(generationName(n)); err != nil {
		return err
	}
	return s.dir.remove(generationRecordName(n))
}

// relative returns where in a generation a file of its record lies.
func (r Record) relative(f RecordedFile) string {
	return strings.TrimPrefix(f.Path, strings.TrimSuffix(r.Directory, "/")+"/")
}
