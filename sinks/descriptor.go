// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/safefile"
)

// errTooLarge is the error for a file that is larger than what Publish accepts.
var errTooLarge = fmt.Errorf("%w: the limit is %d MiB", safefile.ErrTooLarge, safefile.MaxPublished>>20)

// descriptor is an open regular file. An os.File would register it with the
// poller: a system call that has no use for regular files.
type descriptor int

func (d *directory) openFile(name string, flags int, mode uint32) (f descriptor, err error) {
	err = retryEINTR(func() error {
		fd, err := unix.Openat(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		f = descriptor(fd)
		return err
	})
	return f, err
}

// openRead opens a file for reading. It does not block on a named pipe.
func (d *directory) openRead(name string) (descriptor, error) {
	return d.openFile(name, unix.O_RDONLY|unix.O_NONBLOCK, 0)
}

// readFile returns the content of a regular file, and its size, mode and owner.
func (d *directory) readFile(name string) ([]byte, fileInfo, error) {
	f, err := d.openRead(name)
	if err != nil {
		return nil, fileInfo{}, err
	}
	defer f.close()
	st, err := f.stat()
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		err = ErrNotRegular
	case st.Size > safefile.MaxPublished:
		err = errTooLarge
	}
	if err != nil {
		return nil, fileInfo{}, err
	}
	content, err := io.ReadAll(io.LimitReader(f, safefile.MaxPublished+1))
	if err == nil && len(content) > safefile.MaxPublished {
		err = errTooLarge
	}
	is := fileInfo{exists: true, regular: true, size: uint64(st.Size), known: true, mode: st.Mode & 0o7777, uid: int(st.Uid), gid: int(st.Gid), trusted: d.trusts(name, int(st.Uid))}
	return content, is, err
}

// hasContent reports whether a file holds content, given that it has its size.
func (d *directory) hasContent(name string, content []byte) (bool, error) {
	f, err := d.openRead(name)
	if err == unix.EAGAIN { // leased by another program: it can still be replaced
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.close()
	is := make([]byte, len(content))
	if _, err := io.ReadFull(f, is); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return false, err
	}
	return bytes.Equal(is, content), nil
}

// hasSHA256 reports whether name is a regular file whose content has this SHA-256.
func (d *directory) hasSHA256(name string, want sum) (bool, error) {
	f, err := d.openRead(name)
	if err == unix.ENOENT || err == unix.ELOOP || err == unix.ENXIO || err == unix.EAGAIN {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.close()
	if st, err := f.stat(); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > safefile.MaxPublished {
		return false, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, safefile.MaxPublished+1)); err != nil {
		return false, err
	}
	return sum(h.Sum(nil)) == want, nil
}

func (f descriptor) stat() (st unix.Stat_t, err error) {
	err = retryEINTR(func() error { return unix.Fstat(int(f), &st) })
	return st, err
}

// Read implements [io.Reader].
func (f descriptor) Read(p []byte) (n int, err error) {
	err = retryEINTR(func() (err error) { n, err = unix.Read(int(f), p); return err })
	if err == nil && n == 0 && len(p) > 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

// Write implements [io.Writer].
func (f descriptor) Write(p []byte) (n int, err error) {
	for n < len(p) {
		var m int
		err = retryEINTR(func() (err error) { m, err = unix.Write(int(f), p[n:]); return err })
		if err == nil && m == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

func (f descriptor) close() error { return unix.Close(int(f)) }
