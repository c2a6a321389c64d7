// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"log/slog"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/sinks"
)

// Claim adds the destinations of all members to c, so that no other agent
// publishes there. A destination that cannot be locked for another reason is
// logged and used unlocked, so that it does not keep the agent from starting:
// publishing is retried. If another agent holds one, the error is a *Failure.
func (m *Members) Claim(c *sinks.Claim, log *slog.Logger) error {
	claim := func(t target, files []sinks.File) error {
		err := t.Claim(c, files)
		if err != nil && !errors.Is(err, sinks.ErrClaimed) {
			log.Warn(logmsg.NotLocked, logkey.Error, err)
			return nil
		}
		return err
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
