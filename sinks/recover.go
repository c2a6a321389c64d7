// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Recover cleans up in the directories after whatever ended an earlier process,
// and returns what is recorded there and in the further directories that these
// records speak of. It runs before the first [Publish], and waits for other
// processes that publish in these directories.
//
// A generation that was committed is completed. If it cannot be, because a file
// that was not yet in place is damaged, the old files are put back where they are
// still there, and the record is returned as not intact: the caller publishes
// anew, and what the payload says is owed stays owed. Temporary files that no
// record speaks of are removed.
//
// In a directory that is published by one rename, the generation that readers see
// stays; its stable names are completed, and what belongs to none of the
// generations that are kept is removed. If the link to it is lost, the last
// complete generation is made the one that is seen.
//
// The error tells of everything that went wrong, and the records are valid even
// so. A record that is damaged or of another version is put aside under its name
// and ".bad"; one that others could have written is left alone. Nothing but
// destinations in a record, their backups, names that begin with ".certagent-",
// and in a directory of generations "..data", "..gen-<n>", "..rejected-<n>" and
// links into "..data" is touched. A directory that does not exist holds no records.
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
	for i := 0; i < len(r.order); i++ { // settling a record may open further directories
		records = append(records, r.recoverLinkDir(r.order[i])...)
		records = append(records, r.recoverJournals(ctx, r.order[i])...)
	}
	r.removeTempFiles()
	return records, errors.Join(r.errs...)
}

// recovery is one run of Recover.
type recovery struct {
	dirs  map[inode]*lockedDir
	order []*lockedDir
	errs  []error
}

// inode tells whether two paths lead to one directory, which can be locked once.
type inode struct{ dev, ino uint64 }

// opened is a directory that nobody publishes in, and our names there.
type lockedDir struct {
	*directory
	allNames []string
	ourNames map[string]bool
	kept     map[string]bool // temporary files that must stay
}

func (r *recovery) open(ctx context.Context, path string) (*lockedDir, error) {
	d, err := openUnlocked(path)
	if err != nil {
		return nil, err
	}
	st, err := descriptor(d.fd).stat()
	id := inode{st.Dev, st.Ino}
	if o := r.dirs[id]; o != nil || err != nil {
		d.close()
		return o, err
	}
	var all []string
	if err = d.lock(ctx, unix.LOCK_EX); err == nil {
		all, err = d.list()
	}
	if err != nil {
		d.close()
		return nil, err
	}
	o := &lockedDir{directory: d, allNames: all, ourNames: map[string]bool{}, kept: map[string]bool{}}
	for _, name := range all {
		if strings.HasPrefix(name, prefix) {
			o.ourNames[name] = true
		}
	}
	r.dirs[id], r.order = o, append(r.order, o)
	return o, nil
}

// settleAll returns the records in a directory.
func (r *recovery) recoverJournals(ctx context.Context, o *lockedDir) (records []Record) {
	for _, file := range slices.Sorted(maps.Keys(o.ourNames)) {
		if !strings.HasSuffix(file, recordSuffix) {
			continue
		}
		record, err := o.readRecord(file)
		if err != nil {
			r.rejectRecord(o, file, err)
			continue
		}
		if record.Intact, err = r.completeOrRevert(ctx, record); err != nil {
			r.errs = append(r.errs, err)
		}
		records = append(records, record)
	}
	return records
}

// reject deals with a record that cannot be used.
func (r *recovery) rejectRecord(o *lockedDir, file string, err error) {
	r.errs = append(r.errs, &Error{Op: "reading the record", Path: o.join(file), Err: err})
	if errors.Is(err, ErrRecord) && !errors.Is(err, errRecordForeign) {
		if err := o.rename(file, file+".bad"); err != nil {
			r.errs = append(r.errs, &Error{Op: "putting the record aside", Path: o.join(file), Err: err})
		}
		return
	}
	stem := strings.TrimSuffix(file, recordSuffix) + "-"
	for name := range o.ourNames {
		if strings.HasPrefix(name, stem) {
			o.kept[name] = true
		}
	}
}

// sweep removes the temporary files that are of no more use.
func (r *recovery) removeTempFiles() {
	for _, o := range r.order {
		for name := range o.ourNames {
			if !strings.HasSuffix(name, tempSuffix) || o.kept[name] {
				continue
			}
			// A directory of such a name is not ours, nor is what we may not remove.
			err := o.remove(name)
			if err != nil && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
				r.errs = append(r.errs, err)
			}
		}
	}
}

func (r *recovery) close() {
	for _, o := range r.order {
		o.close()
	}
}
