// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const directoryMode = 0o750

// absolute returns d with an absolute path.
func (d LinkDir) absolute() (LinkDir, error) {
	path, err := absoluteDestination(d.Path)
	d.Path = path
	return d, err
}

// attributes are those of the directories made here.
func (d LinkDir) attributes() attributes {
	a := attributes{mode: bits(d.Mode), uid: d.UID, gid: d.GID}
	if a.mode == 0 {
		a.mode = directoryMode
	}
	return a
}

// open opens the directory, which is made if it is missing, and looks at it.
func (d LinkDir) open(ctx context.Context) (*openLinkDir, error) {
	dir, err := openDirectory(ctx, d.Path, unix.LOCK_SH)
	if errors.Is(err, unix.ENOENT) {
		if err := d.create(); err != nil {
			return nil, err
		}
		dir, err = openDirectory(ctx, d.Path, unix.LOCK_SH)
	}
	if err != nil {
		return nil, err
	}
	return d.readState(dir)
}

// ensure makes the directory if it is missing.
func (d LinkDir) ensure() error {
	dir, err := openUnlocked(d.Path)
	if errors.Is(err, unix.ENOENT) {
		return d.create()
	}
	if err == nil {
		dir.close()
	}
	return err
}

// survey takes over dir, which was just opened.
func (d LinkDir) readState(dir *directory) (*openLinkDir, error) {
	s := &openLinkDir{LinkDir: d, dir: dir}
	names, err := dir.list()
	if err == nil {
		s.state, err = dir.readLinkDirState(names)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *openLinkDir) close() {
	s.state.close()
	s.dir.close()
}

// create makes the directory under a temporary name, so that it has its mode and
// owner when it is there.
func (d LinkDir) create() error {
	path := filepath.Dir(d.Path)
	if err := createDirectory(path); err != nil {
		return err
	}
	parent, err := openUnlocked(path)
	if err != nil {
		return err
	}
	defer parent.close()
	hash := sha256.Sum256([]byte(filepath.Base(d.Path)))
	temp := fmt.Sprintf("%sdir-%x%s", prefix, hash[:8], tempSuffix)
	made, err := parent.makeDirectory(temp)
	if errors.Is(err, unix.EEXIST) { // a crash left it
		if err = parent.removeDirectory(temp); err == nil {
			made, err = parent.makeDirectory(temp)
		}
	}
	if err != nil {
		return err
	}
	defer made.close()
	a := d.attributes()
	a.mode |= 0o700
	if err := made.finish(a); err != nil {
		return errors.Join(err, parent.removeDirectory(temp))
	}
	if err := parent.rename(temp, filepath.Base(d.Path)); err != nil {
		parent.removeDirectory(temp)
		if err == unix.EEXIST || err == unix.ENOTEMPTY {
			return nil // somebody was faster
		}
		return &Error{Op: "creating the directory", Path: d.Path, Err: err}
	}
	return parent.sync()
}

// makeDirectory makes a directory that only this user may enter.
func (d *directory) makeDirectory(name string) (*directory, error) {
	err := retryEINTR(func() error { return unix.Mkdirat(d.fd, name, 0o700) })
	if err != nil {
		return nil, &Error{Op: "creating the directory", Path: d.join(name), Err: err}
	}
	return d.openSubdir(name)
}

// finish gives a directory, which is complete, its mode and owner, and makes the
// names in it durable.
func (d *directory) finish(a attributes) error {
	if err := d.setAttributes(a); err != nil {
		return err
	}
	return d.sync()
}

func (d *directory) setAttributes(a attributes) error {
	if err := descriptor(d.fd).chmod(a.mode); err != nil {
		return &Error{Op: "setting the mode", Path: d.path, Err: err}
	}
	if err := descriptor(d.fd).chown(a); err != nil {
		return &Error{Op: "setting the owner", Path: d.path, Err: err}
	}
	if a.mode&specialBits != 0 {
		if err := descriptor(d.fd).chmod(a.mode); err != nil {
			return &Error{Op: "setting the mode", Path: d.path, Err: err}
		}
	}
	return nil
}

func (d *directory) removeDirectory(name string) error {
	err := retryEINTR(func() error { return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR) })
	if err != nil && err != unix.ENOENT {
		return &Error{Op: "removing", Path: d.join(name), Err: err}
	}
	return nil
}
