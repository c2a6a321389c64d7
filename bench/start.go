// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	// startTimeout bounds one start.
	startTimeout = 10 * time.Minute
	// longTTL is a certificate's life when none is to be renewed meanwhile.
	longTTL = "24h"
)

// sample is what was measured of one start.
type sample struct {
	wall, cpu time.Duration // until the files were there
	server    time.Duration // processor time of the server's meanwhile
	memory    int64         // peak, after the agent has settled
	requests  int
}

// start starts an agent for n certificates, measures until all files are there
// and hands the agent, which goes on running, to then.
func (b *bench) start(ctx context.Context, a agent, n int, then func(*process) error) (sample, error) {
	var s sample
	dir, err := os.MkdirTemp(b.dir, "start-")
	if err != nil {
		return s, err
	}
	j, err := newJob(b.server.facts, dir, n, longTTL, b.flat)
	if err != nil {
		return s, err
	}
	cmd, err := a.command(j)
	if err != nil {
		return s, err
	}
	if err := b.server.do("reset"); err != nil {
		return s, err
	}
	before, err := cpu(b.server.cmd.Process.Pid)
	if err != nil {
		return s, err
	}
	p, err := startProcess(cmd, b.verbose)
	if err != nil {
		return s, err
	}
	defer p.stop()
	if err := p.awaitFiles(ctx, j.files()); err != nil {
		return s, err
	}
	s.wall = time.Since(p.started)
	if s.cpu, err = p.cpu(); err != nil {
		return s, err
	}
	after, err := cpu(b.server.cmd.Process.Pid)
	if err != nil {
		return s, err
	}
	s.server = after - before
	if err := j.check(); err != nil {
		return s, err
	}
	if err := pause(ctx, b.settle); err != nil {
		return s, err
	}
	if s.memory, err = p.peakMemory(); err != nil {
		return s, err
	}
	if s.requests, err = b.server.requests(); err != nil {
		return s, err
	}
	if then != nil {
		err = then(p)
	}
	return s, err
}

// awaitFiles waits until all files exist and none is empty. All agents rename
// complete files into place. It looks more rarely the longer it takes, so that
// looking costs the agent little and the error stays below a hundredth.
func (p *process) awaitFiles(ctx context.Context, paths []string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for len(paths) > 0 {
		info, err := os.Stat(paths[0])
		if err == nil && info.Size() > 0 {
			paths = paths[1:]
			continue
		}
		if err := p.running(); err != nil {
			return err
		}
		nap := min(max(time.Since(p.started)/100, 200*time.Microsecond), 10*time.Millisecond)
		if err := pause(ctx, nap); err != nil {
			return fmt.Errorf("%s is not there: %w; the agent's last words: %s", paths[0], err, p.lastWords())
		}
	}
	return nil
}

// check returns an error unless each certificate has its key.
func (j job) check() error {
	for _, c := range j.Certificates {
		if _, err := c.pair(); err != nil {
			return fmt.Errorf("%s: %w", c.Cert, err)
		}
	}
	return nil
}

// pause waits, and returns an error if ctx ends meanwhile.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
