// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

// adoptPlainFiles replaces the plain files at the stable names of files by links.
// The system calls follow. If the current generation has all of these names, only
// the second half is needed.
//
//	openat(D, name), fstat, read, close          each file
//	                                             they become a generation, as in LinkDir
//	symlinkat(..gen-1, D, temp), fsync(D)
//	renameat(D, temp, D, ..data), fsync(D)       then it is read as the current one
//
//	symlinkat(..data/name, D, temp)              for each, keys first
//	renameat(D, temp, D, name)
//	fsync(D)
//
// All the time each name reads as before, because ..data leads to the same content:
// a crash leaves files, links, or some of both, which read as one set.
func (s *openLinkDir) adoptPlainFiles(ctx context.Context, bundle string, files []File, kinds map[string]nameKind) error {
	var names []string
	published := true
	for _, name := range stableNames(s.relatives(files)) {
		if kinds[name] == plainFile {
			names = append(names, name)
			published = published && s.state.topNames[name]
		}
	}
	if len(names) == 0 {
		return nil
	}
	if !published {
		if err := s.publishPlainFiles(ctx, bundle, files, kinds); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := s.replaceByLink(name); err != nil {
			return err
		}
		kinds[name] = ourLink
	}
	return s.dir.sync()
}

// publishPlainFiles publishes the plain files together with the current generation.
func (s *openLinkDir) publishPlainFiles(ctx context.Context, bundle string, files []File, kinds map[string]nameKind) error {
	var existing []File
	for _, name := range s.candidates(files) {
		dir := s.dir
		if s.state.topNames[stableName(name)] {
			dir = s.state.currentDir
		} else if kinds[name] != plainFile {
			continue
		}
		content, is, err := dir.readFile(name)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return &Error{Op: "adopting the existing file", Path: s.dir.join(name), Err: err, hint: "remove the file, or let certagent read it"}
		}
		path := s.dir.join(name)
		s.state.stats[path] = is
		existing = append(existing, File{Path: path, Content: redact.Bytes(content), UID: -1, GID: -1, Key: slices.ContainsFunc(files, func(f File) bool { return f.Path == path && f.Key })})
	}
	record := s.newRecord(Generation{Name: bundle, Payload: s.state.record.Payload}, existing)
	record.Generation = s.state.highestNumber() + 1
	record.Previous, record.Rejected = s.state.previousOfNext(), 0
	if journal, err := s.dir.readRecord(recordName(bundle)); err == nil {
		record.Payload = journal.Payload // the bundle was published file by file
	}
	if err := s.stage(ctx, record, existing); err != nil {
		return errors.Join(err, s.discard(record.Generation))
	}
	if err := s.switchTo(record, stableNames(s.relatives(existing)), kinds); err != nil {
		return err
	}
	s.state.generations = append(s.state.generations, record.Generation)
	s.state.records = append(s.state.records, record.Generation)
	return s.state.readCurrent(s.dir, record.Generation)
}

// candidates returns the relative paths of the files that may exist: those of files
// and those of the current generation.
func (s *openLinkDir) candidates(files []File) []string {
	names := s.relatives(files)
	for _, name := range s.state.record.names() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// removeJournal removes the journal of a bundle that was published file by file
// before.
func (s *openLinkDir) removeJournal(bundle string) error {
	if !slices.Contains(s.state.names, recordName(bundle)) {
		return nil
	}
	return s.dir.remove(recordName(bundle))
}
