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
func (r *recovery) settleGenerations(o *opened) []Record {
	if !slices.ContainsFunc(o.all, func(name string) bool { return strings.HasPrefix(name, generationPrefix) }) {
		return nil
	}
	s := &swap{dir: o.directory}
	defer func() { s.seen.close() }()
	var err error
	if s.seen, err = o.survey(o.all); err != nil {
		if !errors.Is(err, errForeignData) { // then the directory is somebody else's
			r.errs = append(r.errs, err)
		}
		return nil
	}
	record, err := r.regain(o, s)
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
func (r *recovery) regain(o *opened, s *swap) (record Record, err error) {
	if s.seen.unusable != nil {
		r.reject(o, generationRecordName(s.seen.visible), s.seen.unusable)
	}
	record = s.seen.record
	if o.supersedes(record) {
		return Record{}, nil
	}
	if s.seen.visible == 0 {
		if record, err = s.restore(o.all); err != nil {
			return record, err
		}
	}
	if err := s.mend(o.all); err != nil {
		return record, err
	}
	if record.Name != "" {
		if record.Intact, err = s.intact(record); err != nil {
			return record, err
		}
	}
	keep := record
	if record.Version == 0 {
		keep = Record{Generation: s.seen.visible, Previous: s.seen.before()}
	}
	if err := s.tidy(keep); err != nil {
		return record, err
	}
	if file := recordName(record.Name); o.names[file] {
		delete(o.names, file)
		return record, o.remove(file)
	}
	return record, nil
}

// supersedes reports whether the bundle is now published file by file in this
// directory: there is such a record, and none of its files is a link of ours.
func (o *opened) supersedes(r Record) bool {
	if r.Name == "" || !o.names[recordName(r.Name)] {
		return false
	}
	_, err := o.readRecord(recordName(r.Name))
	return err == nil && !slices.ContainsFunc(o.all, o.linked)
}

// linked reports whether name is a link that belongs there.
func (d *directory) linked(name string) bool {
	if strings.HasPrefix(name, reservedPrefix) || strings.HasPrefix(name, prefix) {
		return false
	}
	target, err := d.readlink(name)
	return err == nil && target == stableTarget(name)
}

// restore makes the latest complete generation the one that is seen, if the link
// to it is lost: there are stable names, which are only made when it is there.
func (s *swap) restore(names []string) (Record, error) {
	if !slices.ContainsFunc(names, s.dir.linked) {
		return Record{}, nil
	}
	for _, n := range slices.Backward(s.seen.generations) {
		record, err := s.dir.readGenerationRecord(n)
		if err != nil || s.dir.verify(record) != nil {
			continue
		}
		c := showing{swap: s}
		if err := c.point(n, true); err != nil {
			return Record{}, err
		}
		return record, s.seen.see(s.dir, n)
	}
	return Record{}, nil
}
