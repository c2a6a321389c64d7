// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

var (
	errForeignData = errors.New("it is not a link to a generation of certagent's")
	errForeignLink = errors.New("it is a link that leads elsewhere")
)

// survey is what a bundle's directory holds.
type linkDirState struct {
	names []string // all of them

	current    uint64          // the generation that readers see; 0: none
	currentDir *directory      // it, open; nil if there is none
	topNames   map[string]bool // the names in it
	record     Record          // its record; zero if there is none of use
	recordErr  error           // why not; nil if there is none

	stats map[string]fileInfo // what compare found in it

	generations, rejected, records []uint64 // ascending
}

// survey looks at the directory, all of whose names are given.
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
		return s, &Error{Op: "looking at what is there", Path: d.join(dataLink), Err: errForeignData,
			hint: "another program, such as Kubernetes, publishes in this directory; choose another one"}
	}
	if err != nil {
		return s, &Error{Op: "looking at what is there", Path: d.join(dataLink), Err: err}
	}
	return s, s.readCurrent(d, n)
}

// see takes n for the generation that readers see.
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

// highest returns the highest number that is taken.
func (s *linkDirState) highestNumber() (n uint64) {
	for _, numbers := range [][]uint64{s.generations, s.rejected, s.records} {
		if len(numbers) > 0 {
			n = max(n, numbers[len(numbers)-1])
		}
	}
	return n
}

// previous returns the generations to be kept beside one that follows the one
// that is seen, newest first.
func (s *linkDirState) toKeep() []uint64 {
	if s.current == 0 {
		return nil
	}
	all := append([]uint64{s.current}, s.previous()...)
	return all[:min(len(all), keptGenerations)]
}

// before returns the generations that were seen before, newest first. Without a
// record those count that have a lower number.
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
