// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"errors"
)

// Publish makes g the generation that readers see, and returns its record.
//
// Files that hold their content already are not touched, except that a wrong
// mode or owner is repaired; if all do, only the record is written. On an error
// the old generation and its record stay; on a file system that cannot exchange
// two names, a failure between the renames leaves what the next Publish or
// Recover completes. Once the generation is committed, ctx is ignored.
//
// Recover must have run before in the directories concerned, and no two calls
// may publish under one name at once; under different names any number may.
func (Journal) Publish(ctx context.Context, g Generation) (Record, error) {
	g, err := g.checked()
	if err != nil {
		return Record{}, err
	}
	p := transaction{}
	defer p.close()
	if err := p.prepare(ctx, g); err != nil {
		return Record{}, err
	}
	for _, step := range []func() error{
		func() error { return p.stage(ctx) },
		p.commit,
		p.renameIntoPlace,
	} {
		if err := step(); err != nil {
			return Record{}, errors.Join(err, p.abort())
		}
	}
	p.record.CleanupErr = p.removeOld()
	p.record.Intact = true
	return p.record, nil
}
