// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package sinks writes to disk: the files of a generation, so that readers find
// either the old set or the new one, and the login token.
//
// A [Publisher] publishes the generations of a bundle. [Journal] publishes file by
// file. It writes every file beside its destination and makes it durable; one
// rename, that of the journal, commits the generation; then it renames the files
// into place one right after the other. If the process is killed or the machine
// loses power in between, [Recover] completes the generation or removes what is
// left of it. The journal stays as the record of what is published, and carries
// the caller's payload.
//
// [LinkDir] publishes all files of a directory at once, by renaming one symbolic
// link. Each generation in the directory has a record of its own, so that no
// journal is needed.
//
// A file that is on disk already is not written again. A destination that changes
// always gets a new inode, because some readers take an unchanged inode for
// unchanged content.
//
// The package does not write in place, does not follow the symbolic links of
// others, does not decide what is published when, and does not limit how many
// calls publish at once: a caller with a thousand generations has to run a few
// dozen at a time.
package sinks

import "context"

// A Publisher publishes the generations of a bundle. There are two: [Journal]
// replaces files one by one, wherever they are; [LinkDir] replaces all files of a
// directory at once.
//
// [Recover] must have run in [Publisher.RecoveryDirs] before the first Publish or
// Rollback. Two calls must not publish the same bundle at the same time.
type Publisher interface {
	// Claim adds the destinations of files to c, all or none. It creates the
	// directories that Publish would create. The error wraps [ErrClaimed] if
	// another process has claimed one of the destinations.
	Claim(c *Claim, files []File) error

	// Compare reports how each destination differs from its file, in the order of
	// files. A file that could not be compared is [Unknown], and the error names
	// all of these. Compare changes nothing.
	Compare(files []File) ([]Status, error)

	// Repair gives an existing file the mode and owner that f asks for. It leaves
	// content and modification time alone, and follows no symbolic link.
	Repair(f File) error

	// Publish makes g the generation that readers see, and returns its record.
	// Files whose content is there already are not written again; a wrong mode or
	// owner is repaired. On an error the old generation and its record stay. Once
	// the new generation is committed, ctx is ignored.
	Publish(ctx context.Context, g Generation) (Record, error)

	// Previous returns what Rollback needs to undo the publishing of files. It is
	// to be called before Publish. The result is nil if the Publisher keeps the
	// previous generation itself, or if there is no complete one.
	Previous(files []File) []File

	// Rollback makes readers see the previous generation again, and returns its
	// record, with the name and payload of g. The files of g are what Previous
	// returned. The error wraps [ErrNoPrevious] if there is no generation to return
	// to. On an error readers still see what they saw before.
	Rollback(ctx context.Context, g Generation) (Record, error)

	// Owns reports whether r is the record of a generation that was published in
	// this way and in this place.
	Owns(r Record) bool

	// RecoveryDirs returns the directories in which a crash may have left something
	// of a generation of files. It may name a directory twice.
	RecoveryDirs(files []File) []string
}

var (
	_ Publisher = Journal{}
	_ Publisher = LinkDir{}
)
