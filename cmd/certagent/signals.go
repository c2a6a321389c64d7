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
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// signals receives the signals of the process; the README has a table of their
// effects. Each kind has its own channel with enough room, because the runtime drops
// a signal that does not fit.
type signals struct {
	ctx     context.Context // ends with the first SIGINT or SIGTERM
	hurry   chan struct{}   // closed by the second, unless that follows within sameStop
	hangups chan os.Signal  // one slot, for one SIGHUP or several

	handed        chan os.Signal // for the children; with room for a burst
	stops, others chan os.Signal
	quit          chan struct{}
	done          sync.WaitGroup
	cancel        context.CancelFunc
}

// watchSignals starts to receive signals; with children, also those that are
// forwarded to them.
func watchSignals(logger *slog.Logger, children bool) *signals {
	s := &signals{
		hurry: make(chan struct{}), hangups: make(chan os.Signal, 1), handed: make(chan os.Signal, 256),
		stops: make(chan os.Signal, 2), others: make(chan os.Signal, 1), quit: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	signal.Notify(s.hangups, syscall.SIGHUP)
	signal.Notify(s.stops, syscall.SIGINT, syscall.SIGTERM)
	// SIGPIPE, so that certagent survives the end of the log's reader; SIGUSR1 and
	// SIGUSR2, because Vault Agent's users send them.
	signal.Notify(s.others, syscall.SIGPIPE)
	if children {
		signal.Notify(s.handed, agent.Forwarded()...)
	} else {
		signal.Notify(s.others, syscall.SIGUSR1, syscall.SIGUSR2)
	}
	s.done.Go(func() { s.loop(logger) })
	return s
}

// sameStop is how long after the first stop signal another one is the same request:
// a supervisor signals the process and its group, or timeout(1) does.
const sameStop = time.Second

func (s *signals) loop(logger *slog.Logger) {
	var begun time.Time
	hurried := false
	for {
		select {
		case <-s.quit:
			return
		case sig := <-s.stops:
			name := signalName(sig)
			switch { // each acts before it logs
			case begun.IsZero():
				begun = time.Now()
				s.cancel()
				logger.Info(logmsg.Stopping, logkey.Signal, name)
			case time.Since(begun) < sameStop:
				logger.Info(logmsg.StopRepeated, logkey.Signal, name, logkey.Hint, "a signal after a second kills the children and ends certagent at once")
			case !hurried:
				hurried = true
				close(s.hurry)
				logger.Warn(logmsg.StoppingAtOnce, logkey.Signal, name)
			}
		case sig := <-s.others:
			if sig != syscall.SIGPIPE {
				logger.Info(logmsg.SignalIgnored, logkey.Signal, signalName(sig))
			}
		}
	}
}

func signalName(sig os.Signal) string { return unix.SignalName(sig.(syscall.Signal)) }

// stop restores the default effects of the signals.
func (s *signals) stop() {
	for _, c := range []chan os.Signal{s.hangups, s.handed, s.stops, s.others} {
		signal.Stop(c)
	}
	close(s.quit)
	s.done.Wait()
	s.cancel()
}
