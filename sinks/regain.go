// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
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

// mend makes the links of the generation that is seen, and removes those that lead
// nowhere. A file at a stable name becomes a link if that reads the same.
func (s *swap) mend(names []string) error {
	if s.seen.generation == nil {
		return nil
	}
	changed := false
	for _, name := range names {
		if s.seen.top[name] || !s.dir.linked(name) {
			continue
		}
		if err := s.dir.remove(name); err != nil {
			return err
		}
		changed = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.seen.top)) {
		place, err := s.dir.place(name)
		switch {
		case err != nil:
			continue // somebody else's, as Publish will say
		case place == absent:
			err = s.link([]string{name})
		case place == plain && s.readsTheSame(name):
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

// readsTheSame reports whether a file at a stable name holds what the generation
// has.
func (s *swap) readsTheSame(name string) bool {
	content, _, err := s.dir.read(name)
	if err != nil {
		return false
	}
	is, err := s.seen.generation.look(name)
	if err != nil || !is.regular || is.size != uint64(len(content)) {
		return false
	}
	same, err := s.seen.generation.holds(name, content)
	return same && err == nil
}

// intact reports whether every file reads as recorded, by its stable name.
func (s *swap) intact(record Record) (bool, error) {
	for _, f := range record.Files {
		name := record.relative(f)
		if !s.dir.linked(stableName(name)) {
			return false, nil
		}
	}
	err := s.dir.verify(record)
	if errors.Is(err, errDamaged) {
		return false, nil
	}
	return err == nil, err
}

var errDamaged = errors.New("a file is missing or does not hold what the record says")

// verify finds out whether a generation holds what its record says.
func (d *directory) verify(record Record) error {
	g, err := d.sub(generationName(record.Generation))
	if errors.Is(err, unix.ENOENT) {
		return &Error{Op: "reading what is there", Path: d.join(generationName(record.Generation)), Err: errDamaged}
	}
	if err != nil {
		return err
	}
	defer g.close()
	for _, f := range record.Files {
		want, err := f.sum()
		if err != nil {
			return err
		}
		same, err := g.hashes(record.relative(f), want)
		if err == nil && !same {
			err = errDamaged
		}
		if err != nil {
			return &Error{Op: "reading what is there", Path: g.join(record.relative(f)), Err: err}
		}
	}
	return nil
}
