// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/certagent/certagent/agent/config"
)

// member is what the templates and the certificates of a bundle have in common.
type member struct {
	index int // of its own, and in the order of the configuration
	pos   config.Pos
	name  string // its first destination, or its variable
	owner owner
}

// owner is the owner of a file, by name or by number. Where it is empty an existing
// file keeps its owner.
type owner struct{ user, group string }

// ids looks up the owner. It returns -1 for what is empty.
func (o owner) ids() (uid, gid int, err error) {
	uid, err = lookUp(o.user, func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", unknownOwner("user", name, err)
		}
		return u.Uid, nil
	})
	if err != nil {
		return -1, -1, err
	}
	gid, err = lookUp(o.group, func(name string) (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", unknownOwner("group", name, err)
		}
		return g.Gid, nil
	})
	return uid, gid, err
}

// unknownOwner returns the error for a name that could not be looked up.
func unknownOwner(kind, name string, err error) error {
	var noUser user.UnknownUserError
	var noGroup user.UnknownGroupError
	if errors.As(err, &noUser) || errors.As(err, &noGroup) {
		return &ownerMissing{kind, name}
	}
	return fmt.Errorf("looking up %s %q: %w", kind, name, err)
}

// ownerMissing is the error for a user or group that the host does not have.
type ownerMissing struct{ kind, name string }

func (e *ownerMissing) Error() string {
	return fmt.Sprintf("there is no %s %q on this host", e.kind, e.name)
}

func lookUp(name string, byName func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	if id, err := strconv.Atoi(name); err == nil && id >= 0 {
		return id, nil
	}
	id, err := byName(name)
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(id)
}
