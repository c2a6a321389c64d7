// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/logkey"
)

// signals turns the signals that the process gets into what they mean; the
// README has them as a table.
type signals struct {
	ctx   context.Context // ends with the first SIGINT or SIGTERM
	hurry chan struct{}   // closed by the second

	received chan os.Signal
	done     sync.WaitGroup
	cancel   context.CancelFunc
}

// watchSignals begins to take signals. reload is called for each SIGHUP.
func watchSignals(logger *slog.Logger, reload func()) *signals {
	s := &signals{hurry: make(chan struct{}), received: make(chan os.Signal, 8)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	// SIGPIPE is taken so that a log whose reader is gone does not end us;
	// SIGUSR1 and SIGUSR2 because Vault Agent's users send them.
	signal.Notify(s.received, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
	s.done.Go(func() { s.loop(logger, reload) })
	return s
}

func (s *signals) loop(logger *slog.Logger, reload func()) {
	hurried := false
	for sig := range s.received {
		name := unix.SignalName(sig.(syscall.Signal))
		switch sig {
		case syscall.SIGHUP:
			reload()
		case syscall.SIGUSR1, syscall.SIGUSR2:
			logger.Info("this signal has no meaning for certagent", logkey.Signal, name)
		case syscall.SIGINT, syscall.SIGTERM:
			if s.ctx.Err() == nil {
				logger.Info("stopping", logkey.Signal, name)
				s.cancel()
			} else if !hurried {
				logger.Warn("stopping at once", logkey.Signal, name)
				hurried = true
				close(s.hurry)
			}
		}
	}
}

// stop gives the signals back.
func (s *signals) stop() {
	signal.Stop(s.received)
	close(s.received)
	s.done.Wait()
	s.cancel()
}
