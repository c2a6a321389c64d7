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
	// startTimeout limits the time of a start.
	startTimeout = 10 * time.Minute
	// longTTL is a TTL without a renewal during the measurement.
	longTTL = "24h"
)

// sample is the measurement of one start.
type sample struct {
	wall, cpu time.Duration // until all files exist
	server    time.Duration // CPU time of the server until then
	memory    int64         // peak, after b.settle
	requests  int
}

// start starts an agent for n certificates and measures until all files exist. It
// calls then, if that is not nil, while the agent is still running.
func (b *bench) start(ctx context.Context, a agent, n int, then func(*process) error) (sample, error) {
	var s sample
	dir, err := os.MkdirTemp(b.dir, "start-")
	if err != nil {
		return s, err
	}
	j, err := newJob(b.server.serverInfo, dir, n, longTTL, b.flat)
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
	if err := sleep(ctx, b.settle); err != nil {
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
// complete files into place. The polling interval grows with the elapsed time, so
// that polling takes little CPU and the error stays below one percent.
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
		interval := min(max(time.Since(p.started)/100, 200*time.Microsecond), 10*time.Millisecond)
		if err := sleep(ctx, interval); err != nil {
			return fmt.Errorf("waiting for %s: %w; end of the agent's log: %s", paths[0], err, p.logTail())
		}
	}
	return nil
}

// check returns an error unless every key matches its certificate.
func (j job) check() error {
	for _, c := range j.Certificates {
		if _, err := c.pair(); err != nil {
			return fmt.Errorf("%s: %w", c.Cert, err)
		}
	}
	return nil
}

// sleep waits for d. It returns an error if ctx is cancelled.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
