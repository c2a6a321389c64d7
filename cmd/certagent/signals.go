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

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// signals turns the signals that the process gets into what they mean; the
// README has them as a table. Each kind has a channel with room for as many as
// mean something, so that none is lost for another: the runtime drops what does
// not fit.
type signals struct {
	ctx     context.Context // ends with the first SIGINT or SIGTERM
	hurry   chan struct{}   // closed by the second
	hangups chan os.Signal  // one slot: there was a SIGHUP, or several

	handed        chan os.Signal // for the children; room for a burst of all kinds, several of each
	stops, others chan os.Signal
	quit          chan struct{}
	done          sync.WaitGroup
	cancel        context.CancelFunc
}

// watchSignals begins to take signals, with children all that may be meant for
// them.
func watchSignals(logger *slog.Logger, children bool) *signals {
	s := &signals{
		hurry: make(chan struct{}), hangups: make(chan os.Signal, 1), handed: make(chan os.Signal, 256),
		stops: make(chan os.Signal, 2), others: make(chan os.Signal, 1), quit: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	signal.Notify(s.hangups, syscall.SIGHUP)
	signal.Notify(s.stops, syscall.SIGINT, syscall.SIGTERM)
	// SIGPIPE is taken so that a log whose reader is gone does not end us;
	// SIGUSR1 and SIGUSR2 because Vault Agent's users send them.
	signal.Notify(s.others, syscall.SIGPIPE)
	if children {
		signal.Notify(s.handed, agent.Forwarded()...)
	} else {
		signal.Notify(s.others, syscall.SIGUSR1, syscall.SIGUSR2)
	}
	s.done.Go(func() { s.loop(logger) })
	return s
}

func (s *signals) loop(logger *slog.Logger) {
	hurried := false
	for {
		select {
		case <-s.quit:
			return
		case sig := <-s.stops:
			switch {
			case s.ctx.Err() == nil:
				logger.Info(logmsg.Stopping, logkey.Signal, signalName(sig))
				s.cancel()
			case !hurried:
				logger.Warn(logmsg.StoppingAtOnce, logkey.Signal, signalName(sig))
				hurried = true
				close(s.hurry)
			}
		case sig := <-s.others:
			if sig != syscall.SIGPIPE {
				logger.Info(logmsg.SignalIgnored, logkey.Signal, signalName(sig))
			}
		}
	}
}

func signalName(sig os.Signal) string { return unix.SignalName(sig.(syscall.Signal)) }

// stop gives the signals back.
func (s *signals) stop() {
	for _, c := range []chan os.Signal{s.hangups, s.handed, s.stops, s.others} {
		signal.Stop(c)
	}
	close(s.quit)
	s.done.Wait()
	s.cancel()
}
