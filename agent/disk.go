// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// stamp remembers how the published files look.
func (b *bundle) stamp(files []sinks.File) {
	clear(b.stamps)
	for _, f := range files {
		b.stamps[f.Path] = stampOf(f.Path)
	}
	b.checkedAt = time.Now().Round(0)
}

// stampRecord remembers how the files of the record look.
func (b *bundle) stampRecord() {
	files := make([]sinks.File, len(b.seen.record.Files))
	for i, f := range b.seen.record.Files {
		files[i].Path = f.Path
	}
	b.stamp(files)
}

// observeDisk notices that somebody else changed or removed a published file:
// the bundle is rendered again and compared, which publishes or repairs it.
func (b *bundle) observeDisk(now time.Time) {
	if len(b.stamps) == 0 || b.facts.Content == plan.Differs || now.Sub(b.checkedAt).Abs() < b.diskInterval {
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
func (b *bundle) repairRecorded(path string) {
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
