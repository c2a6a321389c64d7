// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import "context"

// A Publisher publishes the generations of a bundle. There are two: [Journal]
// replaces files wherever they are, one by one; [LinkDir] replaces all files of a
// directory at once.
//
// [Recover] must have run in [Publisher.RecoveryDirs] before the first Publish or
// Rollback. Two calls must not publish the same bundle at the same time.
type Publisher interface {
	// Claim adds the destinations of files to c, all or none, and creates the
	// directories that Publish would create. Files that c holds already are left
	// out. The error wraps [ErrClaimed] if another process has claimed one.
	Claim(c *Claim, files []File) error

	// Compare reports how each destination differs from its file, in the order of
	// files. A file that could not be compared is [Unknown], and the error names
	// all of these. Compare changes nothing.
	Compare(files []File) ([]Status, error)

	// Repair gives an existing file the mode and owner that f asks for. It leaves
	// the content and the modification time alone, and follows no symbolic link.
	Repair(f File) error

	// Publish makes g the generation that readers see, and returns its record.
	// Files whose content is there already are not written again; a wrong mode or
	// owner is repaired. On an error the old generation and its record stay. As
	// soon as the new generation is committed, the end of ctx is ignored.
	Publish(ctx context.Context, g Generation) (Record, error)

	// Previous returns what the caller has to keep of the generation that
	// publishing files replaces, so that Rollback can restore it. It is nil if
	// nothing has to be kept, or if what is there is not a complete set.
	Previous(files []File) []File

	// Rollback makes the generation before the published one the one that readers
	// see again, and returns its record. It has the name and payload of g; the
	// files of g are what Previous returned. The error wraps [ErrNoPrevious] if
	// there is no generation to go back to. On an error, readers see what they saw.
	Rollback(ctx context.Context, g Generation) (Record, error)

	// Owns reports whether r is the record of a generation that was published in
	// this way and place.
	Owns(r Record) bool

	// RecoveryDirs returns the directories in which a crash may have left something
	// of a generation of files. It may repeat a directory.
	RecoveryDirs(files []File) []string
}

var (
	_ Publisher = Journal{}
	_ Publisher = LinkDir{}
)
