// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// openLinkDir is a LinkDir with an absolute path that is open.
type openLinkDir struct {
	LinkDir
	dir   *directory
	state linkDirState
}

// open opens, locks and reads the directory. It creates it if it is missing.
func (d LinkDir) open(ctx context.Context) (*openLinkDir, error) {
	dir, err := openDirectory(ctx, d.Path)
	if errors.Is(err, unix.ENOENT) {
		if err := d.create(); err != nil {
			return nil, err
		}
		dir, err = openDirectory(ctx, d.Path)
	}
	if err != nil {
		return nil, err
	}
	return d.readState(dir)
}

// ensure creates the directory if it is missing.
func (d LinkDir) ensure() error {
	dir, err := openUnlocked(d.Path)
	if errors.Is(err, unix.ENOENT) {
		return d.create()
	}
	if err == nil {
		dir.close()
	}
	return err
}

func (d LinkDir) create() error {
	a := d.attributes()
	a.mode |= 0o700
	return createDirectoryWith(d.Path, a)
}

// readState reads dir, which has just been opened, and takes ownership of it.
func (d LinkDir) readState(dir *directory) (*openLinkDir, error) {
	s := &openLinkDir{LinkDir: d, dir: dir}
	names, err := dir.list()
	if err == nil {
		s.state, err = dir.readLinkDirState(names)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *openLinkDir) close() {
	s.state.close()
	s.dir.close()
}

// linkDirState is what is in a LinkDir.
type linkDirState struct {
	names []string // all of them

	current    uint64          // the generation that readers see; 0: none
	currentDir *directory      // its directory, open; nil if there is none
	topNames   map[string]bool // the names in it
	record     Record          // its record; zero if there is no usable one
	recordErr  error           // why the record is not usable; nil if there is none

	stats map[string]fileInfo // what compare found in the current generation, by path

	generations, rejected, records []uint64 // ascending
}

var errForeignData = errors.New("it is not a link to a generation of certagent's")

// readLinkDirState reads the state of a directory that has these names in it.
func (d *directory) readLinkDirState(names []string) (s linkDirState, err error) {
	s.names, s.stats = names, map[string]fileInfo{}
	for _, name := range names {
		if n, ok := parseNumber(name, generationPrefix, ""); ok {
			s.generations = append(s.generations, n)
		} else if n, ok := parseNumber(name, generationPrefix, recordSuffix); ok {
			s.records = append(s.records, n)
		} else if n, ok := parseNumber(name, rejectedPrefix, ""); ok {
			s.rejected = append(s.rejected, n)
		}
	}
	slices.Sort(s.generations)
	slices.Sort(s.records)
	slices.Sort(s.rejected)

	target, err := d.readlink(dataLink)
	if err == unix.ENOENT {
		return s, nil
	}
	n, ok := parseNumber(target, generationPrefix, "")
	if err == unix.EINVAL || err == nil && !ok {
		return s, &Error{Op: "examining the existing link", Path: d.join(dataLink), Err: errForeignData,
			hint: "another program, such as Kubernetes, publishes in this directory; choose another one"}
	}
	if err != nil {
		return s, &Error{Op: "examining the existing link", Path: d.join(dataLink), Err: err}
	}
	return s, s.readCurrent(d, n)
}

// readCurrent makes n the current generation and reads it. If it does not exist,
// nothing changes.
func (s *linkDirState) readCurrent(d *directory, n uint64) error {
	g, err := d.openSubdir(generationName(n))
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	s.close()
	s.current, s.currentDir, s.topNames = n, g, map[string]bool{}
	names, err := g.list()
	if err != nil {
		return err
	}
	for _, name := range names {
		s.topNames[name] = true
	}
	if s.record, err = d.readGenerationRecord(n); err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, ErrRecord) && !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENXIO) && !errors.Is(err, unix.EACCES) {
		return &Error{Op: "reading the record", Path: d.join(generationRecordName(n)), Err: err}
	}
	s.recordErr = err
	return nil
}

func (s *linkDirState) close() {
	if s.currentDir != nil {
		s.currentDir.close()
		s.currentDir = nil
	}
}

// highestNumber returns the highest number that is in use.
func (s *linkDirState) highestNumber() (n uint64) {
	for _, numbers := range [][]uint64{s.generations, s.rejected, s.records} {
		if len(numbers) > 0 {
			n = max(n, numbers[len(numbers)-1])
		}
	}
	return n
}

// previous returns the generations that readers saw before the current one, newest
// first. Without a record these are the generations with a lower number.
func (s *linkDirState) previous() (numbers []uint64) {
	if s.record.Version != 0 {
		return slices.DeleteFunc(slices.Clone(s.record.Previous), func(n uint64) bool { return !slices.Contains(s.generations, n) })
	}
	for _, n := range slices.Backward(s.generations) {
		if n < s.current && len(numbers) < keptGenerations {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// previousOfNext returns the generations that are kept when another one follows the
// current one, newest first.
func (s *linkDirState) previousOfNext() []uint64 {
	if s.current == 0 {
		return nil
	}
	all := append([]uint64{s.current}, s.previous()...)
	return all[:min(len(all), keptGenerations)]
}
