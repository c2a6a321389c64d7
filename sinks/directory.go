// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// directory is an open directory. All system calls on names in it are relative to
// its descriptor: if a directory further up is replaced meanwhile, a set of files
// still ends up in one place.
type directory struct {
	path    string
	fd      int
	changed bool // names in it have changed or are going to
	locks   []descriptor
}

// cwd stands for no directory: names in it are paths.
var cwd = &directory{fd: unix.AT_FDCWD}

// openDirectory opens a directory to publish in it. Publishers lock it shared; Recover
// locks it exclusively, so that no other process of this user publishes in it.
func openDirectory(ctx context.Context, path string) (*directory, error) {
	return openLocked(ctx, path, true)
}

// openLocked is openDirectory; createLock is whether it may create
// the lock file.
func openLocked(ctx context.Context, path string, createLock bool) (*directory, error) {
	d, err := openUnlocked(path)
	if err != nil {
		return nil, err
	}
	if err := d.lock(ctx, unix.LOCK_SH, createLock); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func openUnlocked(path string) (*directory, error) {
	fd, err := openPath(path)
	if errors.Is(err, ErrForeignLink) {
		return nil, &Error{Op: "opening the directory", Path: path, Err: err, hint: linkHint}
	}
	if err != nil {
		return nil, &Error{Op: "opening the directory", Path: path, Err: err}
	}
	return &directory{path: path, fd: fd}, nil
}

// openSubdir opens a directory in d. It does not follow a symbolic link.
func (d *directory) openSubdir(name string) (*directory, error) {
	f, err := d.openFile(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &Error{Op: "opening the directory", Path: d.join(name), Err: err}
	}
	return &directory{path: d.join(name), fd: int(f)}, nil
}

// close ignores an error: nothing is written through the descriptor.
func (d *directory) close() {
	for _, f := range d.locks {
		f.close()
	}
	unix.Close(d.fd)
}

func (d *directory) join(name string) string { return filepath.Join(d.path, name) }

// sync makes the names in the directory durable.
func (d *directory) sync() error {
	if err := retryEINTR(func() error { return unix.Fsync(d.fd) }); err != nil {
		return &Error{Op: "syncing the directory", Path: d.path, Err: err}
	}
	return nil
}

// list returns the names in a directory that has just been opened.
func (d *directory) list() (names []string, err error) {
	buf := make([]byte, 32<<10)
	for {
		var n int
		err := retryEINTR(func() (err error) { n, err = unix.ReadDirent(d.fd, buf); return err })
		if err != nil {
			return nil, &Error{Op: "listing the directory", Path: d.path, Err: err}
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

func (d *directory) rename(from, to string) error {
	return retryEINTR(func() error { return unix.Renameat(d.fd, from, d.fd, to) })
}

// remove removes a file. A missing file is no error.
func (d *directory) remove(name string) error {
	err := retryEINTR(func() error { return unix.Unlinkat(d.fd, name, 0) })
	if err != nil && err != unix.ENOENT {
		return &Error{Op: "removing", Path: d.join(name), Err: err}
	}
	return nil
}

// symlink creates a symbolic link. It replaces a temporary one, which a crash or a
// failure left.
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

func (d *directory) readlink(name string) (target string, err error) {
	buf := make([]byte, unix.PathMax)
	var n int
	err = retryEINTR(func() (err error) { n, err = unix.Readlinkat(d.fd, name, buf); return err })
	return string(buf[:max(n, 0)]), err
}

// unfinished is the mode of a directory that is being made. Only this user may enter it,
// and the sticky bit, which directories of root seldom have, tells Recover that it is
// certagent's.
const unfinished = unix.S_ISVTX | 0o700

// makeSubdir creates a directory that only this user may enter, and opens it.
func (d *directory) makeSubdir(name string) (*directory, error) {
	err := retryEINTR(func() error { return unix.Mkdirat(d.fd, name, 0o700) })
	if err != nil {
		return nil, &Error{Op: "creating a directory in it", Path: d.path, Err: err}
	}
	made, err := d.openMade(name)
	if err == nil {
		if err = descriptor(made.fd).chmod(unfinished); err != nil {
			err = &Error{Op: "setting the mode", Path: made.path, Err: err}
			made.close()
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.removeSubdir(name))
	}
	return made, nil
}

// openMade opens a directory that was just created. With a umask such as 0777 not even
// its owner may open it.
func (d *directory) openMade(name string) (*directory, error) {
	made, err := d.openSubdir(name)
	if !errors.Is(err, unix.EACCES) {
		return made, err
	}
	if err := d.letOwnerIn(name, 0o700); err != nil {
		return nil, err
	}
	return d.openSubdir(name)
}

// letOwnerIn adds bits to the mode of a directory of this user. It follows no link.
func (d *directory) letOwnerIn(name string, mode uint32) error {
	f, err := d.openFile(name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return &Error{Op: "opening the directory", Path: d.join(name), Err: err}
	}
	defer f.close()
	st, err := f.stat()
	if err == nil && int(st.Uid) != os.Geteuid() {
		err = unix.EACCES // not the one that was made
	}
	if err == nil && st.Mode&mode != mode {
		err = retryEINTR(func() error { return unix.Chmod("/proc/self/fd/"+strconv.Itoa(int(f)), st.Mode&0o7777|mode) })
	}
	if err != nil {
		return &Error{Op: "setting the mode", Path: d.join(name), Err: err}
	}
	return nil
}

// finish sets the mode and owner of a directory whose content is complete, and
// makes the names in it durable.
func (d *directory) finish(a attributes) error {
	if err := d.setAttributes(a); err != nil {
		return err
	}
	return d.sync()
}

// removeSubdir removes an empty directory. A missing one is no error.
func (d *directory) removeSubdir(name string) error {
	err := retryEINTR(func() error { return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR) })
	if err != nil && err != unix.ENOENT {
		return &Error{Op: "removing", Path: d.join(name), Err: err}
	}
	return nil
}

// removeTree removes one of our directories with all that is in it.
func (d *directory) removeTree(name string) error {
	return d.removeTreeIf(name, func(*directory) error { return nil })
}

// removeTreeIf is removeTree for a directory, and those below it, of which check returns
// no error.
func (d *directory) removeTreeIf(name string, check func(*directory) error) error {
	tree, err := d.openSubdir(name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if errors.Is(err, unix.EACCES) && d.removeSubdir(name) == nil {
		return nil // empty, made with a umask that kept even its owner out
	}
	if err != nil {
		return err
	}
	defer tree.close()
	if err := check(tree); err != nil {
		if d.removeSubdir(name) == nil {
			return nil // empty
		}
		return &Error{Op: "removing", Path: tree.path, Err: err, hint: "if nobody needs it, remove it"}
	}
	names, err := tree.list()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := tree.removeAny(name, check); err != nil {
			return err
		}
	}
	return d.removeSubdir(name)
}

func (d *directory) removeAny(name string, check func(*directory) error) error {
	err := d.remove(name)
	if errors.Is(err, unix.EACCES) { // the directory's mode may forbid even its owner to write
		if descriptor(d.fd).chmod(0o700) == nil {
			err = d.remove(name)
		}
	}
	if errors.Is(err, unix.EISDIR) {
		return d.removeTreeIf(name, check)
	}
	return err
}

// createDirectory creates path and what is missing above it, and makes each new
// name durable. The umask applies, but not to what its owner may do.
func createDirectory(path string) error {
	parent, err := openUnlocked(filepath.Dir(path))
	if errors.Is(err, unix.ENOENT) && path != "/" {
		if err := createDirectory(filepath.Dir(path)); err != nil {
			return err
		}
		parent, err = openUnlocked(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	defer parent.close()
	name := filepath.Base(path)
	err = retryEINTR(func() error { return unix.Mkdirat(parent.fd, name, 0o755) })
	if err == unix.EEXIST {
		return nil
	}
	if err != nil {
		return &Error{Op: "creating the directory", Path: path, Err: err}
	}
	if err := parent.letOwnerIn(name, 0o700); err != nil {
		return err
	}
	return parent.sync()
}

// createDirectoryWith is createDirectory for a directory with a mode and an owner.
// It creates the directory under a temporary name, so that it has both from the
// beginning.
func createDirectoryWith(path string, a attributes) error {
	if err := createDirectory(filepath.Dir(path)); err != nil {
		return err
	}
	parent, err := openUnlocked(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer parent.close()
	hash := sha256.Sum256([]byte(filepath.Base(path)))
	temp := fmt.Sprintf("%sdir-%x%s", prefix, hash[:8], tempSuffix)
	d, err := parent.makeSubdir(temp)
	if errors.Is(err, unix.EEXIST) { // left by a crash
		if err = parent.removeSubdir(temp); err == nil {
			d, err = parent.makeSubdir(temp)
		}
	}
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.finish(a); err != nil {
		if failure := (*Error)(nil); errors.As(err, &failure) {
			failure.Path = path // not the temporary one
		}
		return errors.Join(err, parent.removeSubdir(temp))
	}
	if err := parent.rename(temp, filepath.Base(path)); err != nil {
		parent.removeSubdir(temp)
		if err == unix.EEXIST || err == unix.ENOTEMPTY {
			return nil // another process has created it meanwhile
		}
		return &Error{Op: "creating the directory", Path: path, Err: err}
	}
	return parent.sync()
}

var doSyscall = func(call func() error) error { return call() } // a variable for tests, in which calls fail

// retryEINTR makes a system call, again if a signal interrupts it.
func retryEINTR(call func() error) error {
	for {
		if err := doSyscall(call); err != unix.EINTR {
			return err
		}
	}
}
