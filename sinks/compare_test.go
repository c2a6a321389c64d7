// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "content", 0o640)
	uid, gid := os.Getuid(), os.Getgid()
	must(t, os.Symlink(path, filepath.Join(dir, "link")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	write(t, filepath.Join(dir, "empty"), "", 0o600)

	for name, test := range map[string]struct {
		path    string
		content string
		mode    os.FileMode
		uid     int
		gid     int
		want    Status
	}{
		"all asked for and equal": {"f", "content", 0o640, uid, gid, Same},
		"nothing asked for":       {"f", "content", 0, -1, -1, Same},
		"empty":                   {"empty", "", 0, -1, -1, Same},
		"other mode":              {"f", "content", 0o600, -1, -1, Drift},
		"special bit":             {"f", "content", os.ModeSetgid | 0o640, -1, -1, Drift},
		"other user":              {"f", "content", 0, uid + 1, -1, Drift},
		"other group":             {"f", "content", 0, -1, gid + 1, Drift},
		"same length":             {"f", "Content", 0, -1, -1, Content},
		"shorter":                 {"f", "conten", 0, -1, -1, Content},
		"longer":                  {"f", "content!", 0, -1, -1, Content},
		"content before mode":     {"f", "Content", 0o600, -1, -1, Content},
		"missing":                 {"missing", "content", 0, -1, -1, Content},
		"missing and empty":       {"missing", "", 0, -1, -1, Content},
		"missing directory":       {"missing/f", "content", 0, -1, -1, Content},
		"link to an equal file":   {"link", "content", 0, -1, -1, Content},
		"link to nowhere":         {"dangling", "content", 0, -1, -1, Content},
	} {
		t.Run(name, func(t *testing.T) {
			f := File{Path: filepath.Join(dir, test.path), Content: redact.Bytes(test.content), Mode: test.mode, UID: test.uid, GID: test.gid}
			got, err := journal.Compare([]File{f})
			if err != nil || len(got) != 1 || got[0] != test.want {
				t.Errorf("%v, %v; want %v", got, err, test.want)
			}
		})
	}
}

// TestCompareNamesWhatItCannotRead: the other files are compared nevertheless,
// and opening a pipe does not block.
func TestCompareNamesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, path := filepath.Join(dir, "pipe"), filepath.Join(dir, "f")
	must(t, unix.Mkfifo(pipe, 0o600))
	write(t, path, "content", 0o600)
	got, err := journal.Compare([]File{{Path: pipe}, {Path: path, Content: redact.Bytes("content"), UID: -1, GID: -1}})
	if !slices.Equal(got, []Status{Unknown, Same}) {
		t.Errorf("%v", got)
	}
	wantError(t, err, ErrNotRegular, pipe, "")
}

// TestRepair: the mode and owner change, the file does not.
func TestRepair(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "content", 0o600)
	old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	must(t, os.Chtimes(path, old, old))
	before := *stat(t, path)

	f := File{Path: path, Content: redact.Bytes("content"), Mode: os.ModeSetuid | 0o751, UID: os.Getuid(), GID: os.Getgid()}
	if f.UID == 0 {
		f.UID, f.GID = 1234, 2345
	}
	must(t, journal.Repair(f))
	is := *stat(t, path)
	if is.Mode&0o7777 != 0o4751 || int(is.Uid) != f.UID || int(is.Gid) != f.GID {
		t.Errorf("mode %o, owner %d:%d", is.Mode, is.Uid, is.Gid)
	}
	if is.Ino != before.Ino || is.Mtim != before.Mtim || read(t, path) != "content" {
		t.Error("the file was rewritten")
	}
	if got, err := journal.Compare([]File{f}); err != nil || got[0] != Same {
		t.Errorf("%v, %v", got, err)
	}
	must(t, journal.Repair(File{Path: path, UID: -1, GID: -1}))
	if again := *stat(t, path); again.Mode != is.Mode || again.Uid != is.Uid {
		t.Error("repaired what was not asked for")
	}
}

// TestPublishRepairs: Publish repairs modes and owners, also of files that do not
// change.
func TestPublishRepairs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "content", 0o644)
	before := *stat(t, path)
	publish(t, one(File{Path: path, Content: redact.Bytes("content"), Mode: 0o600, UID: -1, GID: -1}))
	if is := *stat(t, path); is.Mode&0o7777 != 0o600 || is.Ino != before.Ino || is.Mtim != before.Mtim {
		t.Errorf("mode %o, inode %d, was %d", is.Mode, is.Ino, before.Ino)
	}
}

func TestRepairRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "content", 0o644)
	must(t, os.Symlink(path, filepath.Join(dir, "link")))
	must(t, unix.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	for name, want := range map[string]error{"link": unix.ELOOP, "pipe": ErrNotRegular, "missing": unix.ENOENT} {
		wantError(t, journal.Repair(File{Path: filepath.Join(dir, name), Mode: 0o600, UID: -1, GID: -1}), want, name, "")
	}
	if got := stat(t, path).Mode & 0o7777; got != 0o644 {
		t.Errorf("the link was followed: mode %o", got)
	}
}
