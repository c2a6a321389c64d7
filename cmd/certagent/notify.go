// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// notifier reports the service's state to systemd (sd_notify(3)). Without a
// NOTIFY_SOCKET it does nothing. The first failure is logged; failures have no other
// effect. The order of the messages follows from how systemd reads them:
//
//   - Before the first READY=1, only STATUS and EXTEND_TIMEOUT_USEC are sent. The
//     READY=1 at the end of a reload would count as the end of the start, and a
//     WATCHDOG=1 would start the watchdog. A SIGHUP before READY=1 does not come from
//     systemd, which sends one only to a running service, so it is not reported.
//   - With Type=notify-reload, systemd waits for a RELOADING=1 whose MONOTONIC_USEC
//     is not before its SIGHUP, and then for READY=1; it ignores a reload that began
//     earlier. So reloads run one after the other, each with both messages, and a
//     SIGHUP during a reload causes another one.
//   - A reload ends with READY=1 even if the new configuration is refused. There is
//     no message for that, and systemctl reload would wait until its time-out.
//   - Nothing is sent after STOPPING=1: a stopping service cannot become ready, and a
//     WATCHDOG=1 would apply the watchdog to the stop.
//
// No caller waits for systemd: a goroutine sends the messages. While systemd does not
// read them, it keeps trying, and of several messages of one kind the latest counts.
type notifier struct {
	logger   *slog.Logger
	send     func(datagram string) error // nil without a NOTIFY_SOCKET
	watchdog time.Duration               // systemd's time-out for WATCHDOG=1; 0 is none

	mu         sync.Mutex
	phase      phase
	status     string // the last one sent
	complained bool
	pending    []string      // to be sent, at most one of a kind
	closing    bool          // the first failure ends the sending
	wake       chan struct{} // one slot: pending or closing has changed; nil before the first message
	sent       chan struct{} // closed when everything is sent, after closing is set

	ctx       context.Context // of the followers
	cancel    context.CancelFunc
	followers sync.WaitGroup
}

// phase is the state of the service, as systemd sees it.
type phase int

const (
	starting phase = iota
	running        // reloading is a part of it
	stopping
)

// newNotifier returns a notifier for the socket that the environment names.
func newNotifier(logger *slog.Logger) *notifier {
	n := &notifier{logger: logger, send: notifySocket()}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	var err error
	if n.watchdog, err = daemon.SdWatchdogEnabled(false); err != nil {
		logger.Warn(logmsg.WatchdogNotUsed, logkey.Error, err)
	}
	return n
}

// close stops what follow started. It gives the last messages notifyPatience.
func (n *notifier) close() {
	n.stopping()
	n.cancel()
	n.followers.Wait()
	n.mu.Lock()
	n.closing = true
	sent := n.sent
	n.notify()
	n.mu.Unlock()
	if sent == nil {
		return
	}
	select {
	case <-sent:
	case <-time.After(notifyPatience):
	}
}

// ready reports that every bundle is published. Vault Agent reports READY=1 before it
// has logged in.
func (n *notifier) ready() {
	n.tell(func() string {
		if n.phase != starting {
			return ""
		}
		n.phase = running
		return daemon.SdNotifyReady
	})
}

// reloading reports that a reload begins; done reports its end. It must be called
// after the SIGHUP arrived.
func (n *notifier) reloading() (done func()) {
	done = func() {}
	n.tell(func() string {
		if n.phase != running {
			return ""
		}
		done = n.reloaded
		return lines(daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec())
	})
	return done
}

func (n *notifier) reloaded() {
	n.tell(func() string { return n.during(running, daemon.SdNotifyReady) })
}

// alive sends WATCHDOG=1.
func (n *notifier) alive() {
	n.tell(func() string { return n.during(running, daemon.SdNotifyWatchdog) })
}

// extend extends the start time-out to at least that long from now.
func (n *notifier) extend(by time.Duration) {
	n.tell(func() string {
		return n.during(starting, "EXTEND_TIMEOUT_USEC="+strconv.FormatInt(by.Microseconds(), 10))
	})
}

// setStatus sends a STATUS line if it differs from the last one.
func (n *notifier) setStatus(text string) {
	text = oneLine(text)
	n.tell(func() string {
		if n.phase == stopping || text == n.status {
			return ""
		}
		n.status = text
		return "STATUS=" + text
	})
}

// stopping reports that the stop begins. Further calls have no effect.
func (n *notifier) stopping() {
	n.tell(func() string {
		if n.phase == stopping {
			return ""
		}
		n.phase = stopping
		return lines(daemon.SdNotifyStopping, "STATUS=stopping")
	})
}

// during returns the message in this phase, and "" in others.
func (n *notifier) during(p phase, message string) string {
	if n.phase != p {
		return ""
	}
	return message
}

// tell sends what message returns. message runs under the lock, so that messages are
// sent in the order of the events.
func (n *notifier) tell(message func() string) {
	if n.send == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	text := message()
	if text == "" {
		return
	}
	n.pending = slices.DeleteFunc(n.pending, func(other string) bool { return kind(other) == kind(text) })
	n.pending = append(n.pending, text)
	if n.wake == nil {
		n.wake, n.sent = make(chan struct{}, 1), make(chan struct{})
		go n.sendAll() // close waits for it, but not for a systemd that does not read
	}
	n.notify()
}

// kind is what comes before the value of a message's first line.
func kind(message string) string {
	name, _, _ := strings.Cut(message, "=")
	return name
}

// notify wakes the goroutine. The caller holds the lock.
func (n *notifier) notify() {
	select {
	case n.wake <- struct{}{}:
	default: // also if there is none
	}
}

// sendAll sends the messages until close is called and none is left.
func (n *notifier) sendAll() {
	defer close(n.sent)
	for {
		text, closing := n.next()
		if text == "" && closing {
			return
		}
		if text == "" {
			<-n.wake
			continue
		}
		if err := n.send(text); err != nil && n.failed(text, err) {
			return
		}
	}
}

// next takes the next message, if there is one.
func (n *notifier) next() (text string, closing bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.pending) > 0 {
		text, n.pending = n.pending[0], n.pending[1:]
	}
	return text, n.closing
}

// failed logs the first failure. A message for which the socket has no room yet is
// tried again, unless there is a later one of its kind. It reports whether to give up.
func (n *notifier) failed(text string, err error) (giveUp bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.complained {
		n.complained = true
		n.logger.Warn(logmsg.NotifyFailed, logkey.Error, err)
	}
	later := slices.ContainsFunc(n.pending, func(other string) bool { return kind(other) == kind(text) })
	if errors.Is(err, os.ErrDeadlineExceeded) && !later {
		n.pending = slices.Insert(n.pending, 0, text)
	}
	return n.closing
}

// lines joins several messages in one datagram.
func lines(all ...string) string {
	for i, line := range all {
		all[i] = strings.TrimSuffix(line, "\n")
	}
	return strings.Join(all, "\n")
}

// oneLine returns a text without what would end the message or make it invalid.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
