// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"os"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// stamp remembers how the published files look.
func (b *Bundle) stamp(files []sinks.File) {
	clear(b.stamps)
	for _, f := range files {
		b.stamps[f.Path] = stampOf(f.Path)
	}
	b.checkedAt = time.Now().Round(0)
}

// stampRecord remembers how the files of the record look.
func (b *Bundle) stampRecord() {
	files := make([]sinks.File, len(b.seen.record.Files))
	for i, f := range b.seen.record.Files {
		files[i].Path = f.Path
	}
	b.stamp(files)
}

// observeDisk notices that somebody else changed or removed a published file:
// the bundle is rendered again and compared, which publishes or repairs it.
func (b *Bundle) observeDisk(now time.Time) {
	if len(b.stamps) == 0 || b.facts.Content == plan.Differs || now.Sub(b.checkedAt).Abs() < b.env.DiskInterval {
		return
	}
	b.checkedAt = now
	for path, before := range b.stamps {
		is := stampOf(path)
		if is == before {
			continue
		}
		b.stamps[path] = is
		if is.content == before.content && !b.facts.Fetching {
			b.repairRecorded(path)
			continue
		}
		b.log.Warn(logmsg.FileChanged, logkey.Destination, path)
		b.facts.FreshUntil = time.Time{}
		b.noteChange(now)
	}
}

// repairRecorded gives a file the owner and mode of the record: what it should
// hold is not known as long as no secret was asked for.
func (b *Bundle) repairRecorded(path string) {
	for _, f := range b.seen.record.Files {
		if f.Path != path {
			continue
		}
		if err := b.target.repair(sinks.File{Path: path, Mode: f.Mode, UID: f.UID, GID: f.GID}); err != nil {
			b.log.Error(logmsg.FileNotRepaired, logkey.Destination, path, logkey.Error, err)
			return
		}
		b.log.Warn(logmsg.FileRepaired, logkey.Destination, path)
		b.stamps[path] = stampOf(path)
	}
}

// stamp tells cheaply whether somebody else changed a published file. The zero
// value stands for a missing one.
type stamp struct {
	content  contentStamp
	link     bool // readers find it by a link, as in a directory that is published by one rename
	mode     os.FileMode
	uid, gid uint32
}

// contentStamp changes with a file's content.
type contentStamp struct {
	inode    uint64
	size     int64
	modified time.Time
}

func stampOf(path string) stamp {
	info, err := os.Lstat(path)
	link := err == nil && info.Mode()&os.ModeSymlink != 0
	if link {
		info, err = os.Stat(path)
	}
	if err != nil {
		return stamp{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return stamp{}
	}
	return stamp{
		link:    link,
		content: contentStamp{st.Ino, st.Size, info.ModTime()},
		mode:    info.Mode(),
		uid:     st.Uid,
		gid:     st.Gid,
	}
}
