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

// reapInterval is how often a Reaper looks for orphans without a SIGCHLD, in case one
// was lost.
const reapInterval = 5 * time.Second

// Reaper reaps orphans: processes whose parent has exited, so that the kernel makes
// them children of process 1 or of a subreaper. Otherwise they would stay zombies. It
// does not reap the processes that this package has started (see children).
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

// Run reaps until ctx ends. If this process is neither process 1 nor a subreaper, it
// returns ErrNoOrphans at once.
func (r *Reaper) Run(ctx context.Context) error {
	if !isInit() && !isSubreaper() {
		return ErrNoOrphans
	}
	ended := make(chan os.Signal, 1) // one is enough, because reapAll reaps all
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	unasked := time.NewTicker(reapInterval)
	defer unasked.Stop()
	for {
		r.reapAll()
		select {
		case <-ended:
		case <-unasked.C:
		case <-ctx.Done():
			r.reapAll()
			return nil
		}
	}
}

// reapAll reaps every orphan that has exited.
func (r *Reaper) reapAll() {
	ownChildren.starting.Lock()
	defer ownChildren.starting.Unlock()
	for {
		s, err := waitid(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
		if err != nil || s.pid == 0 { // ECHILD: there are no children
			return
		}
		if ownChildren.has(int(s.pid)) || !r.reap(int(s.pid)) {
			break
		}
	}
	// waitid returns this child again and again until its owner has waited for it. It
	// hides the others.
	for _, pid := range childPIDs() {
		if !ownChildren.has(pid) {
			r.reap(pid)
		}
	}
}

// reap reaps a process if it has exited. If pid is not that of a child, it does
// nothing.
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
