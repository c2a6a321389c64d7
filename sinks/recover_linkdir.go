// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// recoverLinkDir cleans up a directory if it is a LinkDir, and returns its record.
func (r *recovery) recoverLinkDir(l *lockedDir) []Record {
	if !slices.ContainsFunc(l.allNames, func(name string) bool { return strings.HasPrefix(name, generationPrefix) }) {
		return nil
	}
	s := &openLinkDir{dir: l.directory}
	defer func() { s.state.close() }()
	var err error
	if s.state, err = l.readLinkDirState(l.allNames); err != nil {
		if !errors.Is(err, errForeignData) { // it belongs to another program
			r.errs = append(r.errs, err)
		}
		return nil
	}
	record, err := r.recoverGenerations(l, s)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	if record.Name == "" {
		return nil
	}
	return []Record{record}
}

func (r *recovery) recoverGenerations(l *lockedDir, s *openLinkDir) (record Record, err error) {
	if s.state.recordErr != nil {
		r.rejectRecord(l, generationRecordName(s.state.current), s.state.recordErr)
	}
	record = s.state.record
	if l.replacedByJournal(record) {
		return Record{}, nil
	}
	if s.state.current == 0 {
		if record, err = s.restoreDataLink(l.allNames); err != nil {
			return record, err
		}
	}
	if err := s.repairLinks(l.allNames); err != nil {
		return record, err
	}
	if record.Name != "" {
		if record.Intact, err = s.intact(record); err != nil {
			return record, err
		}
	}
	keep := record
	if record.Version == 0 {
		keep = Record{Generation: s.state.current, Previous: s.state.previous()}
	}
	if err := s.removeOldGenerations(keep); err != nil {
		return record, err
	}
	if file := recordName(record.Name); l.ourNames[file] {
		delete(l.ourNames, file)
		return record, l.remove(file)
	}
	return record, nil
}

// replacedByJournal reports whether the bundle has since been published file by file
// in this directory: there is a journal, and none of the names is a link of ours.
func (l *lockedDir) replacedByJournal(r Record) bool {
	if r.Name == "" || !l.ourNames[recordName(r.Name)] {
		return false
	}
	_, err := l.readRecord(recordName(r.Name))
	return err == nil && !slices.ContainsFunc(l.allNames, l.isOurLink)
}

// isOurLink reports whether there is a link to the stable target at name.
func (d *directory) isOurLink(name string) bool {
	if strings.HasPrefix(name, reservedPrefix) || strings.HasPrefix(name, prefix) {
		return false
	}
	target, err := d.readlink(name)
	return err == nil && target == stableTarget(name)
}

// restoreDataLink makes the newest complete generation the current one if "..data"
// is lost. That is the case if there are stable names, because Publish creates them
// after "..data".
func (s *openLinkDir) restoreDataLink(names []string) (Record, error) {
	if !slices.ContainsFunc(names, s.dir.isOurLink) {
		return Record{}, nil
	}
	for _, n := range slices.Backward(s.state.generations) {
		record, err := s.dir.readGenerationRecord(n)
		if err != nil || s.dir.verifyGeneration(record) != nil {
			continue
		}
		c := switchover{openLinkDir: s}
		if err := c.pointDataLink(n, true); err != nil {
			return Record{}, err
		}
		return record, s.state.readCurrent(s.dir, n)
	}
	return Record{}, nil
}

// repairLinks creates the missing links of the current generation and removes those
// that lead nowhere. It replaces a file at a stable name by a link if the content is
// the same.
func (s *openLinkDir) repairLinks(names []string) error {
	if s.state.currentDir == nil {
		return nil
	}
	changed := false
	for _, name := range names {
		if s.state.topNames[name] || !s.dir.isOurLink(name) {
			continue
		}
		if err := s.dir.remove(name); err != nil {
			return err
		}
		changed = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.state.topNames)) {
		kind, err := s.dir.kindOf(name)
		switch {
		case err != nil:
			continue // not ours; Publish reports it
		case kind == absent:
			err = s.makeLinks([]string{name})
		case kind == plainFile && s.sameContent(name):
			err = s.replaceByLink(name)
		default:
			continue
		}
		if err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return s.dir.sync()
}

// sameContent reports whether the file at a stable name has the content of the file
// in the current generation.
func (s *openLinkDir) sameContent(name string) bool {
	content, _, err := s.dir.readFile(name)
	if err != nil {
		return false
	}
	is, err := s.state.currentDir.statDestination(name)
	if err != nil || !is.regular || is.size != uint64(len(content)) {
		return false
	}
	same, err := s.state.currentDir.hasContent(name, content)
	return same && err == nil
}

// intact reports whether readers find the recorded content at every stable name.
func (s *openLinkDir) intact(record Record) (bool, error) {
	for _, name := range stableNames(record.names()) {
		if !s.dir.isOurLink(name) {
			return false, nil
		}
	}
	err := s.dir.verifyGeneration(record)
	if errors.Is(err, errDamaged) {
		return false, nil
	}
	return err == nil, err
}
