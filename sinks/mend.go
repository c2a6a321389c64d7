// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// mend makes the links of the generation that is seen, and removes those that lead
// nowhere. A file at a stable name becomes a link if that reads the same.
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
		place, err := s.dir.kindOf(name)
		switch {
		case err != nil:
			continue // somebody else's, as Publish will say
		case place == absent:
			err = s.makeLinks([]string{name})
		case place == plainFile && s.readsTheSame(name):
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
func (s *openLinkDir) readsTheSame(name string) bool {
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

// intact reports whether every file reads as recorded, by its stable name.
func (s *openLinkDir) intact(record Record) (bool, error) {
	for _, f := range record.Files {
		name := record.relative(f)
		if !s.dir.isOurLink(stableName(name)) {
			return false, nil
		}
	}
	err := s.dir.verifyGeneration(record)
	if errors.Is(err, errDamaged) {
		return false, nil
	}
	return err == nil, err
}

var errDamaged = errors.New("a file is missing or does not hold what the record says")

// verify finds out whether a generation holds what its record says.
func (d *directory) verifyGeneration(record Record) error {
	g, err := d.openSubdir(generationName(record.Generation))
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
		same, err := g.hasSHA256(record.relative(f), want)
		if err == nil && !same {
			err = errDamaged
		}
		if err != nil {
			return &Error{Op: "reading what is there", Path: g.join(record.relative(f)), Err: err}
		}
	}
	return nil
}
