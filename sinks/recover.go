// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Recover cleans up after an earlier process that crashed, and returns the records
// in the given directories and in those that the records refer to. It has to run
// before the first Publish, and waits for other processes that publish there. A
// directory that does not exist has no records.
//
// A generation that a [Journal] committed is completed. If that is not possible,
// because a file that was not yet in place is damaged, the old files are restored
// as far as they exist. Then the record is not Intact: the caller has to publish
// again, and the payload remains valid. Temporary files that no record refers to are
// removed.
//
// In a [LinkDir] the current generation stays. Missing stable names are created, and
// what belongs to no generation that is kept is removed. If the link to the current
// generation is lost, the newest complete one becomes the current one.
//
// The error joins everything that went wrong; the records are valid nevertheless. A
// record that is damaged or has another version is renamed, with ".bad" appended, and
// removed by a later call, once there is a good one;
// one that other users could have written is left alone. Recover changes only
// recorded destinations and their backups, names that begin with ".certagent-", and
// in a LinkDir "..data", "..gen-<n>", "..rejected-<n>" and links into "..data".
func Recover(ctx context.Context, dirs []string) ([]Record, error) {
	r := recovery{dirs: map[inode]*lockedDir{}}
	defer r.close()
	for _, path := range slices.Sorted(slices.Values(dirs)) {
		path, err := filepath.Abs(path)
		if err == nil {
			_, err = r.open(ctx, path)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			r.errs = append(r.errs, err)
		}
	}
	var records []Record
	for i := 0; i < len(r.order); i++ { // a record may add further directories
		records = append(records, r.recoverLinkDir(r.order[i])...)
		records = append(records, r.recoverJournals(ctx, r.order[i])...)
	}
	r.removeTempFiles()
	r.removeBadRecords()
	return records, errors.Join(r.errs...)
}

// recovery is one call of Recover.
type recovery struct {
	dirs  map[inode]*lockedDir
	order []*lockedDir
	errs  []error
}

// inode identifies a directory: two paths may lead to one, which can be locked only
// once.
type inode struct{ dev, ino uint64 }

// lockedDir is a directory that is locked exclusively.
type lockedDir struct {
	*directory
	allNames []string
	ourNames map[string]bool // those with our prefix
	kept     map[string]bool // temporary files that must not be removed
}

func (r *recovery) open(ctx context.Context, path string) (*lockedDir, error) {
	d, err := openUnlocked(path)
	if err != nil {
		return nil, err
	}
	st, err := descriptor(d.fd).stat()
	id := inode{st.Dev, st.Ino}
	if l := r.dirs[id]; l != nil || err != nil {
		d.close()
		return l, err
	}
	var all []string
	if err = d.lock(ctx, unix.LOCK_EX, false); err == nil { // a publisher creates the lock file first
		all, err = d.list()
	}
	if err != nil {
		d.close()
		return nil, err
	}
	l := &lockedDir{directory: d, allNames: all, ourNames: map[string]bool{}, kept: map[string]bool{}}
	for _, name := range all {
		if strings.HasPrefix(name, prefix) {
			l.ourNames[name] = true
		}
	}
	r.dirs[id], r.order = l, append(r.order, l)
	return l, nil
}

// recoverJournals completes the generations that have a journal in a directory, and
// returns their records.
func (r *recovery) recoverJournals(ctx context.Context, l *lockedDir) (records []Record) {
	for _, file := range slices.Sorted(maps.Keys(l.ourNames)) {
		if !strings.HasSuffix(file, recordSuffix) {
			continue
		}
		record, err := l.readRecord(file)
		if err != nil {
			r.rejectRecord(l, file, err)
			continue
		}
		if record.Intact, err = r.completeOrRevert(ctx, record); err != nil {
			r.errs = append(r.errs, err)
		}
		records = append(records, record)
	}
	return records
}

// rejectRecord reports an unusable record. It renames one that is damaged; for
// another one it keeps the temporary files.
func (r *recovery) rejectRecord(l *lockedDir, file string, err error) {
	r.errs = append(r.errs, &Error{Op: "reading the record", Path: l.join(file), Err: err})
	if errors.Is(err, ErrRecord) && !errors.Is(err, errRecordForeign) {
		if err := l.rename(file, file+badSuffix); err != nil {
			r.errs = append(r.errs, &Error{Op: "renaming the unusable record", Path: l.join(file), Err: err})
		}
		return
	}
	stem := strings.TrimSuffix(file, recordSuffix) + "-"
	for name := range l.ourNames {
		if strings.HasPrefix(name, stem) {
			l.kept[name] = true
		}
	}
}

// removeTempFiles removes the temporary files that are not needed any more.
func (r *recovery) removeTempFiles() {
	for _, l := range r.order {
		for name := range l.ourNames {
			if !strings.HasSuffix(name, tempSuffix) || l.kept[name] {
				continue
			}
			if !l.mayRemove(name) {
				continue
			}
			// A directory of such a name does not belong to certagent, nor does a file that must not be removed.
			err := l.remove(name)
			if err != nil && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
				r.errs = append(r.errs, err)
			}
		}
	}
}

// removeBadRecords removes unusable records that an earlier call has renamed, once there
// is a good one in their place or nothing to record.
func (r *recovery) removeBadRecords() {
	for _, l := range r.order {
		for _, name := range l.allNames {
			record, bad := strings.CutSuffix(name, badSuffix)
			generation, ofGeneration := strings.CutSuffix(record, recordSuffix)
			switch {
			case !bad:
				continue
			case ofGeneration && strings.HasPrefix(name, generationPrefix) && !slices.Contains(l.allNames, generation):
			case ofGeneration && strings.HasPrefix(name, prefix) && l.ourNames[record]:
			default:
				continue
			}
			if st, err := l.statx(name, unix.AT_SYMLINK_NOFOLLOW); err != nil || int(st.Uid) != os.Geteuid() || fileType(st) != unix.S_IFREG {
				continue
			}
			if err := l.remove(name); err != nil {
				r.errs = append(r.errs, err)
			}
		}
	}
}

// mayRemove reports whether a temporary file was made by this user, who may have given
// it to another one. If that one publishes here by itself, it may be a file that it is
// working on: each user has a lock file, and cleans up after itself.
func (l *lockedDir) mayRemove(name string) bool {
	st, err := l.statx(name, unix.AT_SYMLINK_NOFOLLOW)
	return err != nil || int(st.Uid) == os.Geteuid() || !l.ourNames[lockName(int(st.Uid))]
}

func (r *recovery) close() {
	for _, l := range r.order {
		l.close()
	}
}
