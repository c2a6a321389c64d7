// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// quiet is how long a cause that is common to many requests is not repeated.
const quiet = time.Minute

// reporter logs what happens to entries, sparingly: when Vault is away, a
// thousand requests fail for one reason.
type reporter struct {
	logger  *slog.Logger
	said    map[string]time.Duration // when, by the uptime
	failing int                      // entries whose last attempt failed
}

func newReporter(logger *slog.Logger) *reporter {
	return &reporter{logger: logger, said: make(map[string]time.Duration)}
}

// failed is called before the entry changes. What concerns one request is logged
// at the 1st, 2nd, 4th, 8th… failure; what concerns all of them once a minute.
func (p *reporter) failed(e *entry, err *Error, wait time.Duration, now reading) {
	if e.err == nil {
		p.failing++
	}
	logged, leftOut := logmsg.Repeat(err.Failures)
	if err.Class == Transient || err.Class == InvalidToken {
		leftOut = 0 // others fail for the same reason
		if !p.once(fmt.Sprint("failed ", err.Class, err.Status), now) {
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
	if err.Class == Refused || err.Exhausted {
		level = slog.LevelError
	}
	p.logger.Log(context.Background(), level, message, attributes...)
}

// answered is called before the entry changes.
func (p *reporter) answered(e *entry, a *Answer, w window, now reading) {
	p.logger.Debug(logmsg.SecretFetched, logkey.Path, a.Request.Path,
		logkey.Serial, a.Serial, logkey.Renews, a.RenewAt, expires(a.ExpiresAt))
	p.recovered(e)
	if warning := strings.Join(a.Secret.Warnings, "; "); warning != e.warned {
		e.warned = warning
		if warning != "" && p.once("warning "+warning, now) {
			p.logger.Warn(logmsg.VaultWarning, logkey.Path, a.Request.Path, logkey.Error, warning)
		}
	}
	const tolerance = time.Minute
	off := !a.Adopted && w.present() && (w.notAfter.Before(now.wall) || w.notBefore.After(now.wall.Add(tolerance)))
	if off && p.once("clock", now) {
		p.logger.Warn(logmsg.ClockSuspect,
			logkey.Path, a.Request.Path, logkey.Serial, a.Serial, logkey.Expires, w.notAfter)
	}
}

// expires is the attribute for the end of an answer, which not each has.
func expires(t time.Time) slog.Attr {
	if t.IsZero() {
		return slog.Attr{}
	}
	return slog.Time(logkey.Expires, t)
}

// dropped is called for an entry that nobody wants any more.
func (p *reporter) dropped(e *entry) { p.recovered(e) }

func (p *reporter) recovered(e *entry) {
	if e.err == nil {
		return
	}
	if p.failing--; p.failing == 0 {
		p.logger.Info(logmsg.SecretsRecovered, logkey.Path, e.request.Path)
	}
}

// once says whether something was not said lately, and takes it for said.
func (p *reporter) once(what string, now reading) bool {
	if at, ok := p.said[what]; ok && now.uptime-at < quiet {
		return false
	}
	const most = 100 // texts differ without end, the memory for them must not
	if len(p.said) >= most {
		clear(p.said)
	}
	p.said[what] = now.uptime
	return true
}
