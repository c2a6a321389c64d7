// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"slices"
	"strings"
)

// settleGenerations cleans up in a directory that is published by one rename, and
// returns its record.
func (r *recovery) recoverLinkDir(o *lockedDir) []Record {
	if !slices.ContainsFunc(o.allNames, func(name string) bool { return strings.HasPrefix(name, generationPrefix) }) {
		return nil
	}
	s := &openLinkDir{dir: o.directory}
	defer func() { s.state.close() }()
	var err error
	if s.state, err = o.readLinkDirState(o.allNames); err != nil {
		if !errors.Is(err, errForeignData) { // then the directory is somebody else's
			r.errs = append(r.errs, err)
		}
		return nil
	}
	record, err := r.recoverOpenLinkDir(o, s)
	if err != nil {
		r.errs = append(r.errs, err)
	}
	if record.Name == "" {
		return nil
	}
	return []Record{record}
}

// regain makes the stable names those of the generation that is seen, and removes
// what a crash left.
func (r *recovery) recoverOpenLinkDir(o *lockedDir, s *openLinkDir) (record Record, err error) {
	if s.state.recordErr != nil {
		r.rejectRecord(o, generationRecordName(s.state.current), s.state.recordErr)
	}
	record = s.state.record
	if o.replacedByJournal(record) {
		return Record{}, nil
	}
	if s.state.current == 0 {
		if record, err = s.restoreDataLink(o.allNames); err != nil {
			return record, err
		}
	}
	if err := s.repairLinks(o.allNames); err != nil {
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
	if file := recordName(record.Name); o.ourNames[file] {
		delete(o.ourNames, file)
		return record, o.remove(file)
	}
	return record, nil
}

// supersedes reports whether the bundle is now published file by file in this
// directory: there is such a record, and none of its files is a link of ours.
func (o *lockedDir) replacedByJournal(r Record) bool {
	if r.Name == "" || !o.ourNames[recordName(r.Name)] {
		return false
	}
	_, err := o.readRecord(recordName(r.Name))
	return err == nil && !slices.ContainsFunc(o.allNames, o.isOurLink)
}

// linked reports whether name is a link that belongs there.
func (d *directory) isOurLink(name string) bool {
	if strings.HasPrefix(name, reservedPrefix) || strings.HasPrefix(name, prefix) {
		return false
	}
	target, err := d.readlink(name)
	return err == nil && target == stableTarget(name)
}

// restore makes the latest complete generation the one that is seen, if the link
// to it is lost: there are stable names, which are only made when it is there.
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
