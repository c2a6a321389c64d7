// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"os"
	"sync"

	"github.com/certagent/certagent/agent/config"
)

// pidFiles knows which pid files have existed since this process started: one that
// never did is probably the wrong one. The zero value knows of none.
type pidFiles struct{ seen sync.Map }

func (f *pidFiles) exists(path string) { f.seen.Store(path, true) }

// neverExisted reports whether a file does not exist and was not seen before.
func (f *pidFiles) neverExisted(path string) bool {
	f.look(path)
	_, seen := f.seen.Load(path)
	return !seen
}

func (f *pidFiles) look(path string) {
	if _, err := os.Lstat(path); err == nil {
		f.exists(path)
	}
}

// lookAtPIDFiles notes which pid files of the bundle's changes exist.
func (b *Bundle) lookAtPIDFiles() {
	reactions := b.reactions
	if b.fallback != nil {
		reactions = append(reactions[:len(reactions):len(reactions)], b.fallback)
	}
	for _, r := range reactions {
		if r.Mode == config.Signal && r.PIDFile != "" {
			b.env.pidFiles.look(r.PIDFile)
		}
	}
}

// untold returns why nobody could be told of what is published; nil if somebody was, or
// will be.
func (b *Bundle) untold() error {
	for _, p := range b.state.Published.Pending {
		if p.Waits() {
			return b.absent
		}
	}
	return nil
}
