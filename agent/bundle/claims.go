// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"log/slog"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// unlessHeld returns an error if a destination is another's. It logs any other one,
// except where nothing can be written either: then publishing says so.
func unlessHeld(err error, log *slog.Logger) error {
	if err == nil || errors.Is(err, sinks.ErrClaimed) || errors.Is(err, sinks.ErrTwice) {
		return err
	}
	if !slices.ContainsFunc(notWritable, func(errno unix.Errno) bool { return errors.Is(err, errno) }) {
		log.Warn(logmsg.NotLocked, logkey.Error, err)
	}
	return nil
}

var notWritable = []unix.Errno{unix.EACCES, unix.EPERM, unix.EROFS, unix.ENOSPC, unix.EDQUOT, unix.ENOENT, unix.ENOTDIR}

// claimDestinations claims the destinations of a generation that are not claimed yet: those whose
// directory did not exist at the start, or has been replaced since, and those that
// templates chose by themselves.
func (b *Bundle) claimDestinations(g *generation) error {
	if b.env.Claims == nil {
		return nil
	}
	err := b.target.Claim(b.env.Claims, g.files)
	for _, dir := range b.env.Claims.Replaced() {
		b.log.Warn(logmsg.DirectoryReplaced, logkey.Destination, dir)
	}
	switch {
	case err == nil:
		b.notLocked = ""
	case err.Error() == b.notLocked && !errors.Is(err, sinks.ErrClaimed) && !errors.Is(err, sinks.ErrTwice):
		return nil // said before
	default:
		b.notLocked = err.Error()
	}
	return unlessHeld(err, b.log)
}

// Claim adds the destinations of all members to c, so that no other agent
// publishes there. A destination that cannot be locked for another reason is
// logged and used unlocked, so that it does not keep the agent from starting:
// publishing is retried. If another agent holds one, the error is a *Failure.
func (m *Members) Claim(c *sinks.Claim, log *slog.Logger) error {
	claim := func(t target, files []sinks.File) error {
		err := t.Claim(c, files)
		return unlessHeld(err, log)
	}
	errs := []error{claim(newTarget(nil), destinations(m.templates))}
	for _, b := range m.blocks {
		t := newTarget(b.config)
		if err := t.lookUp(); err != nil {
			log.Error(logmsg.OwnerUnknown, logkey.Bundle, b.config.Name, logkey.Error, err)
			continue // publishing fails with the same error
		}
		errs = append(errs, claim(t, b.files()))
	}
	if err := errors.Join(errs...); err != nil {
		return &Failure{Kind: Publish, Err: err}
	}
	return nil
}
