// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"os"
	"slices"
	"syscall"
	"time"
)

// recovery is how long a restarted agent has to put right what the kill left.
const recovery = 2 * time.Second

// wreck is what kills in the middle of a rotation left.
type wreck struct {
	kills   int
	killed  int // pairs that did not match right after the kill
	started int // pairs that did not match after a restart without Vault
}

// crash kills an agent, again and again, as soon as the first file of a rotation
// has changed, and starts it anew while Vault is sealed: what it cannot put
// right by itself then, a consumer has until Vault is back.
func (b *bench) crash(ctx context.Context, a agent) (wreck, error) {
	var w wreck
	dir, err := os.MkdirTemp(b.dir, "crash-")
	if err != nil {
		return w, err
	}
	j, err := newJob(b.server.facts, dir, 1, shortTTL, false)
	if err != nil {
		return w, err
	}
	begin := func() (*process, error) {
		cmd, err := a.command(j)
		if err != nil {
			return nil, err
		}
		return startProcess(cmd, b.verbose)
	}
	p, err := begin()
	if err != nil {
		return w, err
	}
	defer func() { p.kill() }()
	defer b.server.do("unseal")
	if err := p.awaitFiles(ctx, j.files()); err != nil {
		return w, err
	}
	if err := p.awaitMatch(ctx, j.Certificates[0]); err != nil {
		return w, err
	}
	for range b.kills {
		if err := p.awaitChange(ctx, j.files()); err != nil {
			return w, err
		}
		p.kill()
		w.kills++
		w.killed += mismatched(j.Certificates[0])
		if err := b.server.do("seal"); err != nil {
			return w, err
		}
		if p, err = begin(); err != nil {
			return w, err
		}
		if err := pause(ctx, recovery); err != nil {
			return w, err
		}
		w.started += mismatched(j.Certificates[0])
		if err := b.server.do("unseal"); err != nil {
			return w, err
		}
		if err := p.awaitMatch(ctx, j.Certificates[0]); err != nil {
			return w, err
		}
	}
	return w, nil
}

// mismatched is 1 if the pair does not match, for adding up.
func mismatched(c certificate) int {
	if _, err := c.pair(); err != nil {
		return 1
	}
	return 0
}

// awaitMatch waits until the pair matches.
func (p *process) awaitMatch(ctx context.Context, c certificate) error {
	return p.await(ctx, time.Millisecond, func() bool { return mismatched(c) == 0 })
}

// awaitChange waits, without pause, until one of the files is another one.
func (p *process) awaitChange(ctx context.Context, paths []string) error {
	before := inodes(paths)
	return p.await(ctx, 0, func() bool { return !slices.Equal(inodes(paths), before) })
}

func (p *process) await(ctx context.Context, nap time.Duration, holds func() bool) error {
	for !holds() {
		if err := p.running(); err != nil {
			return err
		}
		if err := pause(ctx, nap); err != nil {
			return err
		}
	}
	return nil
}

// inodes are the files' inode numbers, 0 for a missing one.
func inodes(paths []string) []uint64 {
	numbers := make([]uint64, len(paths))
	for i, path := range paths {
		var st syscall.Stat_t
		if syscall.Lstat(path, &st) == nil {
			numbers[i] = st.Ino
		}
	}
	return numbers
}
