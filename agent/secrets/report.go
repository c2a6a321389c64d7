// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// quiet is how long a failure that concerns many requests is not logged again.
const quiet = time.Minute

// reporter logs what happens to entries. It logs a common failure once: if Vault is
// unavailable, a thousand requests fail for one reason.
type reporter struct {
	logger  *slog.Logger
	said    map[string]time.Duration // when, by the uptime
	failing int                      // entries whose last attempt failed

	skew       func() (time.Duration, bool) // see Store.Skew
	differ     bool                         // it was said that the clocks differ
	differSaid time.Duration                // when, by the uptime
}

func newReporter(logger *slog.Logger, skew func() (time.Duration, bool)) *reporter {
	return &reporter{logger: logger, said: make(map[string]time.Duration), skew: skew}
}

// failure logs a failure; it is called before the entry changes. A failure of one
// request is logged at attempts 1, 2, 4, 8 …; one that concerns all of them, once a
// minute.
func (p *reporter) failure(e *entry, err *Error, wait time.Duration, now reading) {
	if e.err == nil {
		p.failing++
	}
	logged, leftOut := logmsg.Repeat(err.Failures)
	if err.Class == Transient || err.Class == InvalidToken {
		leftOut = 0 // others fail for the same reason
		if !p.firstTime(fmt.Sprint("failed ", err.Class, err.Status), now) {
			return
		}
	} else if another := e.err == nil || e.err.Class != err.Class; !another && !logged {
		return
	}
	attributes := []any{
		logkey.Path, e.request.Path, logkey.Error, err,
		logkey.Attempt, err.Failures, logkey.LeftOutCount(leftOut), logkey.Retry, wait.Round(time.Millisecond),
	}
	if hint := err.Hint(); hint != "" {
		attributes = append(attributes, logkey.Hint, hint)
	}
	message := logmsg.SecretFailed
	if e.answer != nil {
		message = logmsg.SecretNotRenewed
		attributes = append(attributes, expires(e.answer.ExpiresAt))
	}
	level := slog.LevelWarn
	if !err.Temporary() || err.Exhausted || e.threatened(now) {
		level = slog.LevelError
	}
	p.logger.Log(context.Background(), level, message, attributes...)
}

// answer logs an answer; it is called before the entry changes.
func (p *reporter) answer(e *entry, a *Answer, w window, now reading) {
	p.logger.Debug(logmsg.SecretFetched, logkey.Path, a.Request.Path,
		logkey.Serial, a.Serial, logkey.Renews, a.RenewAt, expires(a.ExpiresAt))
	p.recovered(e)
	if warning := Warning(a.Secret); warning != e.warned {
		e.warned = warning
		if warning != "" && p.firstTime("warning "+warning, now) {
			p.logger.Warn(logmsg.VaultWarning, logkey.Path, a.Request.Path, logkey.Error, warning)
		}
	}
	if !a.Adopted && w.present() {
		p.validity(e, a, w, now)
	}
}

// validity logs that a new certificate is not valid, and why as far as it is known.
func (p *reporter) validity(e *entry, a *Answer, w window, now reading) {
	const tolerance = time.Minute
	_, clocksKnown := p.skew()
	ended := w.lifetime() <= 0 || w.notAfter.Before(now.wall)
	switch {
	case !ended && !w.notBefore.After(now.wall.Add(tolerance)):
	case e.wrongClock != certinfo.WrongClock{}: // that is said once, and whenever a request fails for it
		p.clocks(now)
	case w.lifetime() <= 0 || ended && clocksKnown:
		if logged, leftOut := logmsg.Repeat(e.useless); logged {
			p.logger.Warn(logmsg.CertificateUseless,
				logkey.Path, a.Request.Path, logkey.Serial, a.Serial, logkey.Expires, w.notAfter,
				logkey.Attempt, e.useless, logkey.Retry, a.RenewAt.Sub(now.wall).Round(time.Millisecond),
				logkey.Hint, "check whether the CA has ended, and the role's ttl, not_after and not_before_duration",
				logkey.LeftOutCount(leftOut))
		}
	case p.firstTime("clock", now):
		p.logger.Warn(logmsg.ClockSuspect,
			logkey.Path, a.Request.Path, logkey.Serial, a.Serial, logkey.Expires, w.notAfter)
	}
}

const (
	// skewed is the difference of two clocks from which on it is reported: Vault dates
	// certificates back by that much.
	skewed = 30 * time.Second
	// reminder is how often a difference that lasts is reported.
	reminder = time.Hour
)

// clocks logs that Vault's clock and this host's differ: once, every hour while it lasts,
// and when it is over.
func (p *reporter) clocks(now reading) {
	skew, known := p.skew()
	switch {
	case !known:
	case skew.Abs() < skewed:
		if p.differ {
			p.logger.Info(logmsg.ClocksAgree)
		}
		p.differ = false
	case !p.differ || now.uptime-p.differSaid >= reminder:
		p.differ, p.differSaid = true, now.uptime
		p.logger.Warn(logmsg.ClocksDiffer, logkey.Skew, skew.Round(time.Second), logkey.Hint, certinfo.SkewHint(skew))
	}
}

// Warning returns what Vault warns of in an answer, on one line that is cut if it is
// long; "" if it does not.
func Warning(s *api.Secret) string { return oneLine(s.Warnings, longestReason) }

// expires returns the attribute for the expiry of an answer, if it expires.
func expires(t time.Time) slog.Attr {
	if t.IsZero() {
		return slog.Attr{}
	}
	return slog.Time(logkey.Expires, t)
}

// drop is called for an entry that no subscription wants any more.
func (p *reporter) drop(e *entry) { p.recovered(e) }

func (p *reporter) recovered(e *entry) {
	if e.err == nil {
		return
	}
	if p.failing--; p.failing == 0 {
		p.logger.Info(logmsg.SecretsRecovered, logkey.Path, e.request.Path)
	}
}

// firstTime reports whether it was not called for the same text lately.
func (p *reporter) firstTime(what string, now reading) bool {
	if at, ok := p.said[what]; ok && now.uptime-at < quiet {
		return false
	}
	const most = 100 // bounds the memory: there may be any number of different texts
	if len(p.said) >= most {
		clear(p.said)
	}
	p.said[what] = now.uptime
	return true
}
