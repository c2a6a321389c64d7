// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

// takeOver replaces the plain files that stand at stable names. The system calls,
// where nothing is published yet; where a generation is seen that has all of the
// names, only the second half is done:
//
//	openat(D, name), fstat, read, close          each file
//	                                             a generation is made of them, as in swap
//	symlinkat(..gen-1, D, temp), fsync(D)
//	renameat(D, temp, D, ..data), fsync(D)       and is looked at like any that is seen
//
//	symlinkat(..data/name, D, temp)              for each, keys first
//	renameat(D, temp, D, name)
//	fsync(D)
//
// Throughout, each name reads as before, for what "..data" leads to is the same:
// a crash leaves files, links, or some of each, which read as one set.
func (s *openLinkDir) adoptPlainFiles(ctx context.Context, name string, files []located, places map[string]nameKind) error {
	var names []string
	known := true
	for _, name := range stableNames(files) {
		if places[name] == plainFile {
			names = append(names, name)
			known = known && s.state.topNames[name]
		}
	}
	if len(names) == 0 {
		return nil
	}
	if !known {
		if err := s.publishPlainFiles(ctx, name, files, places); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := s.replaceByLink(name); err != nil {
			return err
		}
		places[name] = ourLink
	}
	return s.dir.sync()
}

// adopt makes a generation of the plain files and those that are seen already.
func (s *openLinkDir) publishPlainFiles(ctx context.Context, bundle string, files []located, places map[string]nameKind) error {
	var found []located
	for _, name := range s.knownNames(files) {
		dir := s.dir
		if s.state.topNames[stableName(name)] {
			dir = s.state.currentDir
		} else if places[name] != plainFile {
			continue
		}
		content, is, err := dir.readFile(name)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return &Error{Op: "taking it over", Path: s.dir.join(name), Err: err, hint: "remove the file, or let certagent read it"}
		}
		s.state.stats[name] = is
		found = append(found, located{File{Path: filepath.Join(s.Path, name), Content: redact.Bytes(content), UID: -1, GID: -1}, name})
	}
	record := s.newRecord(Generation{Name: bundle, Payload: s.state.record.Payload}, found)
	record.Generation = s.state.highestNumber() + 1
	record.Previous, record.Rejected = s.state.toKeep(), 0
	if before, err := s.dir.readRecord(recordName(bundle)); err == nil {
		record.Payload = before.Payload // it was published file by file
	}
	if err := s.stage(ctx, record, found); err != nil {
		return errors.Join(err, s.discard(record.Generation))
	}
	if err := s.switchTo(record, stableNames(found), places); err != nil {
		return err
	}
	s.state.generations = append(s.state.generations, record.Generation)
	s.state.records = append(s.state.records, record.Generation)
	return s.state.readCurrent(s.dir, record.Generation)
}

// known returns the names below a generation's directory of which something may
// be there: those asked for, and those of the generation that is seen.
func (s *openLinkDir) knownNames(files []located) (names []string) {
	for _, f := range files {
		names = append(names, f.name)
	}
	for _, f := range s.state.record.Files {
		if name := s.state.record.relative(f); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// replaceByLink makes a file at a stable name the link that belongs there.
func (s *openLinkDir) replaceByLink(name string) error {
	err := s.dir.symlink(stableTarget(name), linkTemp)
	if err == nil {
		if err = s.dir.rename(linkTemp, name); err != nil {
			s.dir.remove(linkTemp)
		}
	}
	if err != nil {
		return &Error{Op: "replacing the file by a link to its content", Path: s.dir.join(name), Err: err}
	}
	return nil
}
