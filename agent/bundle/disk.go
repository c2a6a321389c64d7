// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// stamp records the stat of published files.
func (b *Bundle) stamp(files []sinks.File) {
	clear(b.stamps)
	for _, f := range files {
		b.stamps[f.Path] = statOf(f.Path)
	}
	b.checkedAt = now()
	b.warnOfReadableKeys()
}

// tightenKeys gives the recorded keys their mode back, if others can access them now
// and could not when they were published.
func (b *Bundle) tightenKeys() {
	const others = 0o007
	for _, f := range b.published.record.Files {
		if !f.Key || f.Mode&others != 0 || statOf(f.Path).mode&others == 0 {
			continue
		}
		if err := b.target.Repair(sinks.File{Path: f.Path, Mode: f.Mode, UID: -1, GID: -1}); err != nil {
			b.log.Error(logmsg.FileNotRepaired, logkey.Destination, f.Path, logkey.Error, err)
			continue
		}
		b.log.Warn(logmsg.FileRepaired, logkey.Destination, f.Path)
	}
}

// warnOfReadableKeys logs, once for each, the private keys that every user can read:
// only perms can ask for that.
func (b *Bundle) warnOfReadableKeys() {
	for _, f := range b.published.record.Files {
		if !f.Key || f.Mode&0o004 == 0 || b.readable[f.Path] {
			continue
		}
		if b.readable == nil {
			b.readable = make(map[string]bool)
		}
		b.readable[f.Path] = true
		b.log.Warn(logmsg.KeyReadable, logkey.Destination, f.Path, logkey.Mode, fmt.Sprintf("%04o", f.Mode), logkey.Hint, `write perms = "0600"`)
	}
}

// stampRecord records the stat of the files in the record.
func (b *Bundle) stampRecord() {
	files := make([]sinks.File, len(b.published.record.Files))
	for i, f := range b.published.record.Files {
		files[i].Path = f.Path
	}
	b.stamp(files)
}

// observeDisk checks whether another program has changed or removed a published
// file. If so, the bundle is rendered again, which publishes or repairs the file.
func (b *Bundle) observeDisk(now time.Time) {
	if len(b.stamps) == 0 || b.state.Content == plan.Differs || now.Sub(b.checkedAt).Abs() < b.env.DiskInterval {
		return
	}
	b.checkedAt = now
	for path, before := range b.stamps {
		is := statOf(path)
		if is == before {
			continue
		}
		b.stamps[path] = is
		if is.content == before.content && !b.state.Fetching {
			b.repairRecorded(path)
			continue
		}
		b.log.Warn(logmsg.FileChanged, logkey.Destination, path)
		b.apply(plan.FilesChanged{Now: now})
	}
}

// repairRecorded sets a file's owner and mode to those in the record. Its content
// is known only once the secrets have been requested.
func (b *Bundle) repairRecorded(path string) {
	for _, f := range b.published.record.Files {
		if f.Path != path {
			continue
		}
		if err := b.target.Repair(sinks.File{Path: path, Mode: f.Mode, UID: f.UID, GID: f.GID}); err != nil {
			b.log.Error(logmsg.FileNotRepaired, logkey.Destination, path, logkey.Error, err)
			return
		}
		b.log.Warn(logmsg.FileRepaired, logkey.Destination, path)
		b.stamps[path] = statOf(path)
	}
}

// fileStat is what stat(2) tells of a published file: it changes with the file. The
// zero value stands for a missing file.
type fileStat struct {
	content  contentStat
	link     bool // the path is a symbolic link, as in a directory that is published by one rename
	mode     os.FileMode
	uid, gid uint32
}

// contentStat is the part that changes with the file's content.
type contentStat struct {
	inode    uint64
	size     int64
	modified time.Time
}

func statOf(path string) fileStat {
	info, err := os.Lstat(path)
	link := err == nil && info.Mode()&os.ModeSymlink != 0
	if link {
		info, err = os.Stat(path)
	}
	if err != nil {
		return fileStat{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileStat{}
	}
	return fileStat{
		link:    link,
		content: contentStat{st.Ino, st.Size, info.ModTime()},
		mode:    info.Mode(),
		uid:     st.Uid,
		gid:     st.Gid,
	}
}
