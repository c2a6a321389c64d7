// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"os"
	"syscall"
	"time"
)

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
