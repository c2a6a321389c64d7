// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// notifier tells systemd how far we are (sd_notify(3)). Without a NOTIFY_SOCKET it
// does nothing; what goes wrong is logged once, and is no reason to do anything
// else. What systemd makes of each message decides on their order:
//
//   - Before the first READY=1 there is STATUS and EXTEND_TIMEOUT_USEC only. The
//     READY=1 that ends a reload would count as that of the start, and a WATCHDOG=1
//     would have the start watched. A SIGHUP that comes so early is not systemd's,
//     which sends one only to a service that runs, so it is not told of it.
//   - With Type=notify-reload, systemd waits for a RELOADING=1 whose MONOTONIC_USEC
//     is not before its SIGHUP, and then for READY=1: what it hears of a reload that
//     had begun before is not for it. So reloads that come in a row are made one
//     after the other, each with both messages, and a SIGHUP that comes during one
//     leads to another.
//   - A reload ends with READY=1 also when the new configuration is refused. There
//     is no message for that, and systemctl reload would wait until its time-out.
//   - After STOPPING=1 nothing is sent: a dying service cannot become ready, and a
//     WATCHDOG=1 would have the stop watched.
type notifier struct {
	logger   *slog.Logger
	send     func(datagram string) error // nil if there is nobody to tell
	watchdog time.Duration               // how long systemd waits for WATCHDOG=1; 0: it does not

	mu         sync.Mutex
	phase      phase
	status     string // as it was told last
	complained bool

	ctx       context.Context // of the followers
	cancel    context.CancelFunc
	followers sync.WaitGroup
}

// phase is how far we are, as systemd sees it.
type phase int

const (
	starting phase = iota
	running        // reloading is a part of it
	stopping
)

// newNotifier makes a notifier for the systemd that the environment names.
func newNotifier(logger *slog.Logger) *notifier {
	n := &notifier{logger: logger, send: notifySocket()}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	var err error
	if n.watchdog, err = daemon.SdWatchdogEnabled(false); err != nil {
		logger.Warn(logmsg.WatchdogUnused, logkey.Error, err)
	}
	return n
}

// close ends what follow has started.
func (n *notifier) close() {
	n.stopping()
	n.cancel()
	n.followers.Wait()
}

// ready says that every bundle is published. Vault Agent says so before it has
// logged in.
func (n *notifier) ready() {
	n.tell(func() string {
		if n.phase != starting {
			return ""
		}
		n.phase = running
		return daemon.SdNotifyReady
	})
}

// reloading says that a reload begins, which done says has ended. The SIGHUP must
// have come before.
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

// alive keeps systemd's watchdog from barking.
func (n *notifier) alive() {
	n.tell(func() string { return n.during(running, daemon.SdNotifyWatchdog) })
}

// extend says that the start takes up to that long from now on, at least.
func (n *notifier) extend(by time.Duration) {
	n.tell(func() string {
		return n.during(starting, "EXTEND_TIMEOUT_USEC="+strconv.FormatInt(by.Microseconds(), 10))
	})
}

// setStatus tells people how we are, if that is news.
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

// stopping says that the stop begins. It may be called again.
func (n *notifier) stopping() {
	n.tell(func() string {
		if n.phase == stopping {
			return ""
		}
		n.phase = stopping
		return lines(daemon.SdNotifyStopping, "STATUS=stopping")
	})
}

// during returns the message if it is the time for it.
func (n *notifier) during(p phase, message string) string {
	if n.phase != p {
		return ""
	}
	return message
}

// tell sends what message returns, which holds the lock: the order of what is said
// is that in which things happen.
func (n *notifier) tell(message func() string) {
	if n.send == nil {
		return
	}
	if err := n.post(message); err != nil {
		n.logger.Warn(logmsg.NotifyFailed, logkey.Error, err)
	}
}

// post returns the first error there is.
func (n *notifier) post(message func() string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := message()
	if text == "" {
		return nil
	}
	err := n.send(text)
	if err == nil || n.complained {
		return nil
	}
	n.complained = true
	return err
}

// lines makes one datagram of several messages.
func lines(all ...string) string {
	for i, line := range all {
		all[i] = strings.TrimSuffix(line, "\n")
	}
	return strings.Join(all, "\n")
}

// oneLine keeps a text from being taken for several messages, or for none.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
