// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// show makes a staged generation the one that readers see, and names, of which it
// says what is there, its stable ones. On failure it restores what was seen and discards the generation,
// unless it is one of those that were seen before.
func (s *openLinkDir) switchTo(record Record, names []string, places map[string]nameKind) error {
	c := switchover{openLinkDir: s, record: record}
	err := c.apply(names, places)
	if err == nil {
		return nil
	}
	if undo := c.undo(); undo != nil || record.Rejected != 0 {
		return errors.Join(err, undo)
	}
	return errors.Join(err, s.discard(record.Generation))
}

// showing is a change of the generation that is seen, and how far it got.
type switchover struct {
	*openLinkDir
	record         Record
	removed, added []string // stable names
	pointed        bool
}

func (c *switchover) apply(names []string, places map[string]nameKind) error {
	if err := c.removeLinks(names); err != nil {
		return err
	}
	if err := c.pointDataLink(c.record.Generation, true); err != nil {
		return err
	}
	for _, name := range names {
		if places[name] != absent {
			continue
		}
		if err := c.makeLinks([]string{name}); err != nil {
			return err
		}
		c.added = append(c.added, name)
	}
	return c.dir.sync()
}

// drop removes the stable names that go.
func (c *switchover) removeLinks(names []string) error {
	for _, name := range slices.Sorted(maps.Keys(c.state.topNames)) {
		if slices.Contains(names, name) {
			continue
		}
		target, err := c.dir.readlink(name)
		if err == unix.ENOENT || err == unix.EINVAL || err == nil && target != stableTarget(name) {
			continue // not ours, or not any more
		}
		if err != nil {
			return &Error{Op: "looking at what is there", Path: c.dir.join(name), Err: err}
		}
		if err := c.dir.remove(name); err != nil {
			return err
		}
		c.removed = append(c.removed, name)
	}
	return nil
}

// point makes "..data" lead to a generation, once all of it is durable.
func (c *switchover) pointDataLink(n uint64, durable bool) error {
	err := c.dir.symlink(generationName(n), dataTemp)
	if err == unix.EPERM {
		return &Error{Op: "making a symbolic link", Path: c.dir.join(dataLink), Err: err, hint: "if the file system has no symbolic links, publish file by file, without a directory"}
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
	return withPath("making the new generation the one that is seen", c.dir.join(dataLink), err)
}

// undo restores what was seen, in the reverse order.
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

// link makes stable names.
func (s *openLinkDir) makeLinks(names []string) error {
	for _, name := range names {
		if err := s.dir.symlink(stableTarget(name), name); err != nil {
			return &Error{Op: "making the link to the new file", Path: s.dir.join(name), Err: err}
		}
	}
	return nil
}

// symlink makes a link; a temporary one that exists was left by a crash, or could
// not be removed after a failure.
func (d *directory) symlink(target, name string) error {
	link := func() error { return retryEINTR(func() error { return unix.Symlinkat(target, d.fd, name) }) }
	err := link()
	if err == unix.EEXIST && (name == dataTemp || name == linkTemp) {
		if err := d.remove(name); err != nil {
			return err
		}
		err = link()
	}
	return err
}

// wrapped names a path in an error that does not yet.
func withPath(op, path string, err error) error {
	if failure := (*Error)(nil); errors.As(err, &failure) {
		return err
	}
	return &Error{Op: op, Path: path, Err: err}
}
