// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/sinks"
)

// target is where the files of a bundle are published.
type target struct {
	sinks.Publisher
	directory *sinks.LinkDir // the publisher, if the bundle has a directory
	owner     owner          // of the directories that are created
}

// newTarget returns the target of a bundle block. For nil, and without a
// directory, each file is published to its own destination.
func newTarget(b *config.Bundle) target {
	if b == nil || b.Directory == "" {
		return target{Publisher: sinks.Journal{}}
	}
	d := &sinks.LinkDir{Path: config.Absolute(b.Directory), Mode: b.DirectoryPerms, UID: -1, GID: -1}
	return target{Publisher: d, directory: d, owner: owner{b.User, b.Group}}
}

// lookUp looks up the user and group that own the directory.
func (t target) lookUp() (err error) {
	if t.directory != nil {
		t.directory.UID, t.directory.GID, err = t.owner.ids()
	}
	return err
}
