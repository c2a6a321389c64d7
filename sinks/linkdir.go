// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/certagent/certagent/safefile"
)

// A LinkDir is a directory whose files are published all at once, by renaming one
// symbolic link. Each generation has a hidden directory of its own in it. The names
// that readers use are links into the generation that "..data" points to. A reader
// that opens "..data" and then the files in it sees one generation; a reader that
// opens two names one after the other can see the rename between them, as in the
// volumes of Kubernetes.
//
// Files may be in subdirectories; then the link is at the name of the first
// subdirectory. Other files in the directory are left alone.
//
// Publish makes these system calls; TestSystemCallsOfLinkDir compares them with a
// trace. D is the directory, ..gen-1 the current generation, ..gen-2 the new one.
//
//	open(D), openat(D, lock), fstat, flock(lock, LOCK_SH), getdents64(D)
//	readlinkat(D, ..data)                   the current generation
//	openat(D, ..gen-1), getdents64
//	openat(D, ..gen-1.json), fstat, read, close
//	for each stable name                    readlinkat(D, name): what is there
//	for each file                           statx(..gen-1, name)
//	                                        openat, read, close  if the size is equal
//	fstat(..gen-1)                          its mode and owner
//
//	mkdirat(D, ..gen-2, 0700), openat, fchmod
//	                                        not visible to readers until the rename
//	for each subdirectory                   mkdirat(..gen-2, dir, 0700), openat, fchmod
//	for each file                           openat(..gen-2, name, O_CREAT|O_EXCL, 0600),
//	                                        fchmod, fchown, write: mode and owner are
//	                                        final before the first byte
//	the record, with the payload            openat(D, ..gen-2.json), fchmod, write
//	for each file and the record            fsync, all at once; then close, one by one
//	for each directory, ..gen-2 last        fchmod, fchown, fsync; then close
//
//	for each stable name to be removed      readlinkat(D, name), unlinkat(D, name)
//	symlinkat(..gen-2, D, temp), fsync(D)   now all of it is durable
//	renameat(D, temp, D, ..data)            now readers see it
//	for each new stable name                symlinkat(..data/name, D, name)
//	fsync(D)
//
//	for each generation that is too old     fstat(D), openat, getdents64, unlinkat its files,
//	                                        unlinkat(D, ..gen-0), close
//	                                        unlinkat(D, ..gen-0.json)
//	close(..gen-1), close(lock), close(D)
//
// Before and after each of these calls "..data" points to a complete generation,
// whose record with its payload is on disk under the same number. Every stable name
// leads to a file of it, because old names are removed before the rename and new
// ones are created after it. So no journal is needed: after a crash Recover creates
// the missing stable names and removes the generations that are not in use.
type LinkDir struct {
	// Path is created if it is missing, with all missing parents. An existing
	// directory keeps its mode and owner.
	Path string

	// Mode, UID and GID are those of the directories that are created, except that
	// the owner of Path may always write in it. Zero means 0750; negative numbers
	// mean the process's own.
	Mode     fs.FileMode
	UID, GID int
}

const (
	defaultDirectoryMode = 0o750
	keptGenerations      = 2 // besides the current one
)

// Publish implements [Publisher]. Paths that are not absolute are relative to the
// directory; the record has absolute ones. If the directory has a generation with
// the number of g or a higher one, the next free number is used. Backup and
// CreateDirs have no effect: previous generations are kept, and directories are
// created.
//
// Plain files at stable names are adopted: they become a generation, each is
// replaced by a link to the same content, keys first, and then g is published. So
// readers see either the old files or g, and Rollback returns to the old files. A
// directory or a foreign link at a stable name is an error.
func (d LinkDir) Publish(ctx context.Context, g Generation) (Record, error) {
	r, err := d.publish(ctx, g)
	return r, explain(err)
}

func (d LinkDir) publish(ctx context.Context, g Generation) (Record, error) {
	d, files, err := d.checked(g)
	if err != nil {
		return Record{}, err
	}
	s, err := d.open(ctx)
	if err != nil {
		return Record{}, err
	}
	defer s.close()
	stable := stableNames(d.relatives(files))
	kinds, err := s.kindsOf(stable)
	if err != nil {
		return Record{}, err
	}
	if err := s.adoptPlainFiles(ctx, g.Name, files, kinds); err != nil {
		return Record{}, err
	}
	status, err := s.compareAndRepair(files)
	if err != nil {
		return Record{}, err
	}
	record := s.newRecord(g, files)
	if status == Same {
		return s.completeUnchanged(record, kinds)
	}
	record.Generation = max(g.Number, s.state.highestNumber()+1)
	record.Previous = s.state.previousOfNext()
	record.Rejected = 0
	if err := s.stage(ctx, record, files); err != nil {
		return Record{}, errors.Join(err, s.discard(record.Generation))
	}
	if err := s.switchTo(record, stable, kinds); err != nil {
		return Record{}, err
	}
	record.CleanupErr = errors.Join(s.removeOldGenerations(record), s.removeJournal(g.Name))
	return record, nil
}

// Claim implements [Publisher]. It claims the directory itself and the stable names
// of the files, and creates the directory if it is missing.
func (d LinkDir) Claim(c *Claim, files []File) error {
	d, err := d.absolute()
	if err != nil {
		return err
	}
	if files, err = d.resolve(files); err != nil {
		return err
	}
	var paths []string
	for _, name := range append([]string{dataLink}, stableNames(d.relatives(files))...) {
		paths = append(paths, filepath.Join(d.Path, name))
	}
	if paths = c.missing(paths); len(paths) == 0 {
		return nil
	}
	if err := d.ensure(); err != nil {
		return err
	}
	return c.add(paths)
}

// Previous returns nil: the directory keeps the previous generations.
func (d LinkDir) Previous([]File) []File { return nil }

// Owns reports whether r was published in this directory.
func (d LinkDir) Owns(r Record) bool { return r.Directory == d.Path }

// RecoveryDirs returns the directory.
func (d LinkDir) RecoveryDirs([]File) []string { return []string{d.Path} }

// checked returns d with an absolute path and the files of g, keys first, or the
// reason why they cannot be published.
func (d LinkDir) checked(g Generation) (LinkDir, []File, error) {
	if err := checkName(g.Name); err != nil {
		return d, nil, err
	}
	if len(g.Files) == 0 {
		return d, nil, &Error{Op: "publishing", Path: d.Path, Err: errNoFiles}
	}
	d, err := d.absolute()
	if err != nil {
		return d, nil, err
	}
	files, err := d.resolve(keysFirst(g.Files))
	return d, files, err
}

// absolute returns d with an absolute path.
func (d LinkDir) absolute() (LinkDir, error) {
	path, err := absoluteDestination(d.Path)
	d.Path = path
	return d, err
}

// attributes returns the mode and owner of the directories that are created.
func (d LinkDir) attributes() attributes {
	a := attributes{mode: bits(d.Mode), uid: d.UID, gid: d.GID}
	if a.mode == 0 {
		a.mode = defaultDirectoryMode
	}
	return a
}

// relative returns the path of a file relative to the directory. This is also its
// path in the directory of a generation.
func (d LinkDir) relative(path string) string {
	return strings.TrimPrefix(path, strings.TrimSuffix(d.Path, "/")+"/")
}

func (d LinkDir) relatives(files []File) []string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = d.relative(f.Path)
	}
	return names
}

var (
	errOutside             = errors.New("it is not below the directory")
	errReservedInDirectory = errors.New("names that begin with " + reservedPrefix + " or " + prefix + " are reserved in the directory")
	errFileAndDirectory    = errors.New("it is named as a file and as a directory")
)

// resolve returns files with absolute paths below the directory.
func (d LinkDir) resolve(files []File) ([]File, error) {
	result := make([]File, len(files))
	for i, f := range files {
		path, err := d.check(f.Path)
		if err != nil {
			return nil, err
		}
		if len(f.Content) > safefile.MaxPublished {
			return nil, &Error{Op: "publishing", Path: path, Err: errTooLarge}
		}
		f.Path = path
		result[i] = f
		for _, earlier := range result[:i] {
			switch {
			case earlier.Path == path:
				return nil, &Error{Op: "publishing", Path: path, Err: errDuplicate}
			case strings.HasPrefix(path, earlier.Path+"/"), strings.HasPrefix(earlier.Path, path+"/"):
				return nil, &Error{Op: "publishing", Path: path, Err: fmt.Errorf("%w: see %q", errFileAndDirectory, earlier.Path)}
			}
		}
	}
	return result, nil
}

// check returns the absolute path of a file, or the reason why it cannot be
// published in the directory.
func (d LinkDir) check(path string) (string, error) {
	if path == "" {
		return "", &Error{Op: "publishing", Path: d.Path, Err: errNoDestination, hint: "name the file"}
	}
	name := path
	if filepath.IsAbs(path) {
		var err error
		if name, err = filepath.Rel(d.Path, path); err != nil {
			return "", &Error{Op: "publishing", Path: path, Err: err}
		}
	}
	name = filepath.Clean(name)
	if name == "." || !filepath.IsLocal(name) {
		return "", &Error{Op: "publishing", Path: path, Err: fmt.Errorf("%w %q", errOutside, d.Path), hint: "give a path below the directory, such as tls.crt"}
	}
	if first := stableName(name); strings.HasPrefix(first, reservedPrefix) || strings.HasPrefix(first, prefix) {
		return "", &Error{Op: "publishing", Path: path, Err: errReservedInDirectory}
	}
	return absoluteDestination(filepath.Join(d.Path, name))
}
