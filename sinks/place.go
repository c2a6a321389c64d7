// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// A place is what is at a stable name.
type nameKind int

const (
	unknownKind nameKind = iota
	absent
	ourLink   // the link that belongs there
	plainFile // a file
)

// place refuses what is neither ours nor a file that can be taken over.
func (d *directory) kindOf(name string) (nameKind, error) {
	target, err := d.readlink(name)
	switch {
	case err == unix.ENOENT:
		return absent, nil
	case err == nil && target == stableTarget(name):
		return ourLink, nil
	case err == nil:
		return 0, &Error{Op: "looking at what is there", Path: d.join(name), Err: errForeignLink, hint: "remove the link, or give the file another name"}
	case err != unix.EINVAL:
		return 0, &Error{Op: "looking at what is there", Path: d.join(name), Err: err}
	}
	_, err = d.statDestination(name)
	if failure := (*Error)(nil); errors.As(err, &failure) && failure.Err == unix.EISDIR {
		failure.hint = "remove or rename the directory, or give the file another name"
	}
	return plainFile, err
}

func (s *openLinkDir) kindsOf(names []string) (map[string]nameKind, error) {
	places := make(map[string]nameKind, len(names))
	for _, name := range names {
		place, err := s.dir.kindOf(name)
		if err != nil {
			return nil, err
		}
		places[name] = place
	}
	return places, nil
}

func (d *directory) readlink(name string) (target string, err error) {
	buf := make([]byte, unix.PathMax)
	var n int
	err = retryEINTR(func() (err error) { n, err = unix.Readlinkat(d.fd, name, buf); return err })
	return string(buf[:max(n, 0)]), err
}

// sub opens a directory in d, which is not a link.
func (d *directory) openSubdir(name string) (*directory, error) {
	f, err := d.openFile(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &Error{Op: "opening the directory", Path: d.join(name), Err: err}
	}
	return &directory{path: d.join(name), fd: int(f)}, nil
}

// read returns the content of a regular file, and what it is.
func (d *directory) readFile(name string) ([]byte, fileInfo, error) {
	f, err := d.openRead(name)
	if err != nil {
		return nil, fileInfo{}, err
	}
	defer f.close()
	st, err := f.stat()
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = ErrNotRegular
	}
	if err != nil {
		return nil, fileInfo{}, err
	}
	content, err := io.ReadAll(f)
	is := fileInfo{exists: true, regular: true, size: uint64(st.Size), known: true, mode: st.Mode & 0o7777, uid: int(st.Uid), gid: int(st.Gid)}
	return content, is, err
}
