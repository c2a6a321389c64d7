// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/expiry"
	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// expiryInterval is how often the wall clock is compared with the ends of the
// certificates: it may be set, and timers stand still while a machine is suspended.
const expiryInterval = 10 * time.Second

// expiryPause is how long to wait after a change, so that many make one look.
const expiryPause = 50 * time.Millisecond

// watchExpiry tells of certificates that end without a successor. It has a loop of its
// own, so that nothing that a bundle waits for keeps it from being told: neither Vault
// nor a command nor a lock.
func (r *assembly) watchExpiry(ctx context.Context) error {
	watches := make(map[string]expiry.Watch) // by the bundles' names; a reload keeps them
	var all []expiring
	for {
		all = r.board.expiries(all[:0])
		next := r.lookAtExpiry(all, watches, time.Now().Round(0))
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-r.board.expiring:
			timer.Stop()
			sleep(ctx, expiryPause)
		}
	}
}

// lookAtExpiry says what there is to be said, and returns how long nothing will change.
func (r *assembly) lookAtExpiry(all []expiring, watches map[string]expiry.Watch, now time.Time) time.Duration {
	pause := expiryInterval
	for _, e := range all {
		because := e.because(now)
		watch, notice := watches[e.known.Name].Look(expiry.Facts{
			Serial: e.known.Serial, Ends: e.known.Expires, Trouble: because != "", Unsure: e.known.Untold,
		}, now)
		watches[e.known.Name] = watch
		if notice != expiry.Nothing {
			r.tellExpiry(notice, e, cmp.Or(because, e.doing(now)), watch.Since(), now)
		}
		if next := watch.Next(); next.After(now) {
			pause = min(pause, next.Sub(now))
		}
	}
	return max(pause, time.Millisecond)
}

// tellExpiry logs a notice. These lines are never left out.
func (r *assembly) tellExpiry(notice expiry.Notice, e expiring, because string, since, now time.Time) {
	switch notice {
	case expiry.Warning:
		r.warnExpiring(e.known, because, since, now)
	case expiry.Ended:
		if since.IsZero() {
			since = e.known.Expires
		}
		if e.known.Untold {
			r.logExpiredUntold(e.known, because, since)
		} else {
			r.logExpired(e.known, because, since)
		}
	case expiry.Replaced:
		r.logReplaced(e.known)
	}
}

func (r *assembly) warnExpiring(b status.Bundle, because string, since, now time.Time) {
	r.Logger.Warn(logmsg.Expiring, logkey.Bundle, b.Name, logkey.Serial, b.Serial, logkey.Expires, b.Expires.UTC(),
		logkey.Left, b.Expires.Sub(now).Round(time.Second).String(), logkey.Since, since.UTC(), logkey.Because, because)
}

func (r *assembly) logExpired(b status.Bundle, because string, since time.Time) {
	r.Logger.Error(logmsg.Expired, logkey.Bundle, b.Name, logkey.Serial, b.Serial, logkey.Expired, b.Expires.UTC(),
		logkey.Since, since.UTC(), logkey.Because, because)
}

func (r *assembly) logExpiredUntold(b status.Bundle, because string, since time.Time) {
	r.Logger.Error(logmsg.ExpiredUntold, logkey.Bundle, b.Name, logkey.Serial, b.Serial, logkey.Expired, b.Expires.UTC(),
		logkey.Since, since.UTC(), logkey.Because, because)
}

func (r *assembly) logReplaced(b status.Bundle) {
	r.Logger.Info(logmsg.ExpiredReplaced, logkey.Bundle, b.Name, logkey.Serial, b.Serial, logkey.Expires, b.Expires.UTC())
}

// expiring is what is known of a bundle whose certificates end.
type expiring struct {
	known      status.Bundle
	heartbeat  heartbeat
	loggedOut  bool   // there is no token
	loginError string // why; "" while the first login goes on
}

// because returns why the certificate in use is not replaced; "" if nothing is wrong.
func (e expiring) because(now time.Time) string {
	switch waits := e.known.Trouble == "" || e.known.AwaitsAnswer; {
	case waits && e.loginError != "":
		return "not logged in: " + e.loginError
	case waits && e.loggedOut:
		return "not logged in yet"
	}
	if e.known.AwaitsAnswer && now.Before(e.known.Expires) {
		return "" // a renewal is not yet in trouble while Vault is being asked
	}
	return e.known.Trouble
}

// doing returns what a bundle without trouble is doing. While it rests, an answer to a
// template's request is outstanding, or the process was stopped and has just gone on.
func (e expiring) doing(now time.Time) string {
	if e.heartbeat.doing == bundle.Resting {
		return "its renewal has neither ended nor failed: Vault may not have answered yet"
	}
	lasts := now.Sub(e.heartbeat.since.Round(0)).Round(time.Second)
	if lasts < time.Second {
		return "its renewal has just begun: the bundle is at the step " + e.heartbeat.doing
	}
	return fmt.Sprintf("its renewal has not ended: the bundle has been at the step %s for %s", e.heartbeat.doing, lasts)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
