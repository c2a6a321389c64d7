// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// switchTo makes a staged generation the current one, with stable as its stable
// names; kinds says what is at these names. If it fails, it restores the current
// generation and removes the new one, unless that is a previous one.
func (s *openLinkDir) switchTo(record Record, stable []string, kinds map[string]nameKind) error {
	c := switchover{openLinkDir: s, record: record}
	err := c.apply(stable, kinds)
	if err == nil {
		return nil
	}
	if undo := c.undo(); undo != nil || record.Rejected != 0 {
		return errors.Join(err, undo)
	}
	return errors.Join(err, s.discard(record.Generation))
}

// switchover is a change of the current generation and how far it got.
type switchover struct {
	*openLinkDir
	record         Record
	removed, added []string // stable names
	pointed        bool     // "..data" points to the new generation
}

func (c *switchover) apply(stable []string, kinds map[string]nameKind) error {
	if err := c.removeLinks(stable); err != nil {
		return err
	}
	if err := c.pointDataLink(c.record.Generation, true); err != nil {
		return err
	}
	for _, name := range stable {
		if kinds[name] != absent {
			continue
		}
		if err := c.makeLinks([]string{name}); err != nil {
			return err
		}
		c.added = append(c.added, name)
	}
	return c.dir.sync()
}

// removeLinks removes the links of the current generation that are not in stable.
func (c *switchover) removeLinks(stable []string) error {
	for _, name := range slices.Sorted(maps.Keys(c.state.topNames)) {
		if slices.Contains(stable, name) {
			continue
		}
		target, err := c.dir.readlink(name)
		if err == unix.ENOENT || err == unix.EINVAL || err == nil && target != stableTarget(name) {
			continue // not a link of ours
		}
		if err != nil {
			return &Error{Op: "examining the existing link", Path: c.dir.join(name), Err: err}
		}
		if err := c.dir.remove(name); err != nil {
			return err
		}
		c.removed = append(c.removed, name)
	}
	return nil
}

// pointDataLink makes "..data" point to a generation. With durable it syncs the
// directory before.
func (c *switchover) pointDataLink(n uint64, durable bool) error {
	err := c.dir.symlink(generationName(n), dataTemp)
	if err == unix.EPERM {
		return &Error{Op: "creating a symbolic link", Path: c.dir.join(dataLink), Err: err, hint: "if the file system has no symbolic links, publish file by file, without a directory"}
	}
	if err == nil && durable {
		err = c.dir.sync()
	}
	if err == nil {
		err = c.dir.rename(dataTemp, dataLink)
		c.pointed = c.pointed || err == nil
	}
	if err == nil {
		return nil
	}
	c.dir.remove(dataTemp)
	return withPath("switching to the new generation", c.dir.join(dataLink), err)
}

// undo restores the current generation, in the reverse order.
func (c *switchover) undo() error {
	for _, name := range c.added {
		if err := c.dir.remove(name); err != nil {
			return err
		}
	}
	if c.pointed {
		restore := func() error { return c.dir.remove(dataLink) }
		if c.state.current != 0 {
			restore = func() error { return c.pointDataLink(c.state.current, false) }
		}
		if err := restore(); err != nil {
			return err
		}
	}
	if err := c.makeLinks(c.removed); err != nil {
		return err
	}
	if c.pointed {
		return c.dir.sync()
	}
	return nil
}

// nameKind is what is at a stable name.
type nameKind int

const (
	unknownKind nameKind = iota
	absent
	ourLink
	plainFile
)

var errForeignLink = errors.New("it is a link that leads elsewhere")

// kindOf returns what is at a stable name, or an error if it is neither our link nor
// a file that can be adopted.
func (d *directory) kindOf(name string) (nameKind, error) {
	target, err := d.readlink(name)
	switch {
	case err == unix.ENOENT:
		return absent, nil
	case err == nil && target == stableTarget(name):
		return ourLink, nil
	case err == nil:
		return 0, &Error{Op: "examining the existing link", Path: d.join(name), Err: errForeignLink, hint: "remove the link, or give the file another name"}
	case err != unix.EINVAL:
		return 0, &Error{Op: "examining the existing link", Path: d.join(name), Err: err}
	}
	_, err = d.statDestination(name)
	if failure := (*Error)(nil); errors.As(err, &failure) && failure.Err == unix.EISDIR {
		failure.hint = "remove or rename the directory, or give the file another name"
	}
	return plainFile, err
}

func (s *openLinkDir) kindsOf(names []string) (map[string]nameKind, error) {
	kinds := make(map[string]nameKind, len(names))
	for _, name := range names {
		kind, err := s.dir.kindOf(name)
		if err != nil {
			return nil, err
		}
		kinds[name] = kind
	}
	return kinds, nil
}

// makeLinks creates the links at stable names.
func (s *openLinkDir) makeLinks(names []string) error {
	for _, name := range names {
		if err := s.dir.symlink(stableTarget(name), name); err != nil {
			return &Error{Op: "creating the link to the new file", Path: s.dir.join(name), Err: err}
		}
	}
	return nil
}

// replaceByLink replaces the file at a stable name by our link.
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
