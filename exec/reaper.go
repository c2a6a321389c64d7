// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// reapInterval is how often a reaper looks unasked, should a SIGCHLD have got
// lost.
const reapInterval = 5 * time.Second

// Reaper collects orphans: processes whose parent has ended, and which the
// kernel then gives to process 1 or to a subreaper. Without it they stay
// zombies. It never takes the exit code of a process that this package has
// started (see children).
type Reaper struct {
	log    *slog.Logger
	reaped atomic.Uint64
}

// NewReaper returns a reaper; a nil logger logs nothing.
func NewReaper(logger *slog.Logger) *Reaper {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Reaper{log: logger}
}

// Run reaps until ctx ends. It returns ErrNoOrphans at once if there is nothing
// to reap, ever, because orphans go elsewhere.
func (r *Reaper) Run(ctx context.Context) error {
	if !IsInit() && !isSubreaper() {
		return ErrNoOrphans
	}
	ended := make(chan os.Signal, 1) // one is enough: a look sees everything
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	unasked := time.NewTicker(reapInterval)
	defer unasked.Stop()
	for {
		r.look()
		select {
		case <-ended:
		case <-unasked.C:
		case <-ctx.Done():
			r.look()
			return nil
		}
	}
}

// Reaped is how many orphans were collected.
func (r *Reaper) Reaped() uint64 { return r.reaped.Load() }

// look collects every orphan that has ended.
func (r *Reaper) look() {
	mine.starting.Lock()
	defer mine.starting.Unlock()
	for {
		s, err := waitid(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
		if err != nil || s.pid == 0 { // ECHILD: there are no children at all
			return
		}
		if mine.has(int(s.pid)) || !r.reap(int(s.pid)) {
			break
		}
	}
	// The kernel goes on naming this one as long as nobody has collected it,
	// which is for its owner to do, and it may take a while. It hides those
	// behind it.
	for _, pid := range childPIDs() {
		if !mine.has(pid) {
			r.reap(pid)
		}
	}
}

// reap collects a process if it has ended. The number of a process that is no
// child does no harm.
func (r *Reaper) reap(pid int) bool {
	var status syscall.WaitStatus
	for {
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || got != pid {
			return false
		}
		r.reaped.Add(1)
		r.log.Debug(logmsg.OrphanReaped, logkey.PID, pid, logkey.Code, exitOf(status).Code)
		return true
	}
}
