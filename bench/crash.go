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

// restartTime is how long a restarted agent has to repair the files.
const restartTime = 2 * time.Second

// crashResult counts mismatched pairs after kills during a rotation.
type crashResult struct {
	kills        int
	afterKill    int // mismatched pairs right after the kill
	afterRestart int // mismatched pairs after a restart without Vault
}

// crash kills an agent repeatedly as soon as the first file of a rotation has
// changed, and restarts it while Vault is sealed. A pair that still does not match
// then would stay until Vault is available again.
func (b *bench) crash(ctx context.Context, a agent) (crashResult, error) {
	var r crashResult
	dir, err := os.MkdirTemp(b.dir, "crash-")
	if err != nil {
		return r, err
	}
	j, err := newJob(b.server.serverInfo, dir, 1, shortTTL, false)
	if err != nil {
		return r, err
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
		return r, err
	}
	defer func() { p.kill() }()
	defer b.server.do("unseal")
	if err := p.awaitFiles(ctx, j.files()); err != nil {
		return r, err
	}
	if err := p.awaitMatch(ctx, j.Certificates[0]); err != nil {
		return r, err
	}
	for range b.kills {
		if err := p.awaitChange(ctx, j.files()); err != nil {
			return r, err
		}
		p.kill()
		r.kills++
		r.afterKill += mismatched(j.Certificates[0])
		if err := b.server.do("seal"); err != nil {
			return r, err
		}
		if p, err = begin(); err != nil {
			return r, err
		}
		if err := sleep(ctx, restartTime); err != nil {
			return r, err
		}
		r.afterRestart += mismatched(j.Certificates[0])
		if err := b.server.do("unseal"); err != nil {
			return r, err
		}
		if err := p.awaitMatch(ctx, j.Certificates[0]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// mismatched returns 1 if the pair does not match, and 0 otherwise.
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

// awaitChange polls continuously until one of the files is replaced.
func (p *process) awaitChange(ctx context.Context, paths []string) error {
	before := inodes(paths)
	return p.await(ctx, 0, func() bool { return !slices.Equal(inodes(paths), before) })
}

func (p *process) await(ctx context.Context, interval time.Duration, holds func() bool) error {
	for !holds() {
		if err := p.running(); err != nil {
			return err
		}
		if err := sleep(ctx, interval); err != nil {
			return err
		}
	}
	return nil
}

// inodes returns the inode numbers of files, 0 for missing ones.
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
