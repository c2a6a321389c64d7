// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/redact"
)

// handleResult takes an entry back from its worker.
func (l *loop) handleResult(r result) {
	e := r.entry
	l.active--
	e.cancel()
	e.cancel = nil
	if r.asked.After(l.now.wall) { // the clock was set back meanwhile
		r.asked = l.now.wall
	}
	l.noteToken(e, r)
	switch {
	case e.dropped:
		delete(l.refused, e)
	case e.single != nil:
		if l.replyTo(e, r); e.place < 0 { // it is over
			delete(l.refused, e)
		}
	case r.act == adopt && !adoptable(r):
		e.act = ask
		l.schedule(e, l.now.wall)
	case r.err != nil && r.act == renew && l.renewalOver(e, r.err):
		e.act = ask
		l.schedule(e, l.now.wall)
	case r.err != nil:
		l.setError(e, r)
	default:
		l.setAnswer(e, r)
	}
}

// noteToken notes whether a request was refused for its token, and tells when the token
// serves. If requests were refused before, only their success tells: a request that is
// refused with every token must not make every login a good one.
func (l *loop) noteToken(e *entry, r result) {
	if r.act == adopt || r.token != l.token {
		return
	}
	if r.err != nil && r.err.Class == InvalidToken {
		l.refused[e] = true
		return
	}
	accepted := r.err == nil || r.err.Class == NotFound || r.err.Class == Refused // Vault looks at the token first
	if !accepted || len(l.refused) > 0 && !l.refused[e] {
		return
	}
	delete(l.refused, e)
	if !l.served && l.config.TokenServed != nil {
		l.config.TokenServed(l.token)
	}
	l.served = true
}

// adoptable reports whether the caller has a certificate that is still valid.
func adoptable(r result) bool {
	return r.answer != nil && r.window.present() && r.window.notAfter.After(r.asked)
}

// renewalOver reports whether the secret must be requested again instead of renewed:
// Vault refuses the renewal, or little time is left. If Vault refused the agent's own
// token, the next request shows it.
func (l *loop) renewalOver(e *entry, err *Error) bool {
	return err.Class != Transient || e.left(l.now.wall) < e.life/10
}

// setAnswer publishes an answer and sets its deadline.
func (l *loop) setAnswer(e *entry, r result) {
	secret := r.answer.Secret
	if r.act == renew && !extended(e.deadline.expires, r.asked.Add(leaseOf(secret)), leaseOf(secret)) {
		e.act = ask
		l.schedule(e, l.now.wall)
		return
	}
	d := next(facts{
		kind: e.request.Kind, secret: secret, window: r.window, asked: r.asked, adopted: r.act == adopt,
		draw: draw(l.config.Seed, e.request, r.answer.Serial),
	}, l.policy)
	d = l.judge(e, r, d)
	answer := *r.answer
	answer.RenewAt, answer.ExpiresAt = d.at, d.expires
	changed := e.err != nil || !sameContent(e.answer, &answer)
	answer.Version = l.versionOf(e.answer, &answer)
	l.report.answer(e, &answer, r.window, l.now)

	e.answer, e.err, e.awaitsToken = &answer, nil, false
	e.deadline, e.distance, e.life = d, d.at.Sub(l.now.wall), lifeOf(r, d)
	e.act = ask
	if d.renew {
		e.act = renew
	}
	l.schedule(e, d.at)
	l.publish(e, changed)
}

func (l *loop) versionOf(before, after *Answer) uint64 {
	if sameContent(before, after) {
		return before.Version
	}
	l.version++
	return l.version
}

// setError publishes an error beside the old answer, and schedules a retry.
func (l *loop) setError(e *entry, r result) {
	if l.outdated(r) {
		l.schedule(e, l.now.wall)
		return
	}
	err := *r.err
	err.Request, err.Failures = e.request, 1
	if e.err != nil {
		err.Failures = e.err.Failures + 1
	} else {
		e.failing = l.now.uptime
	}
	left := l.Patience(err.Class) - (l.now.uptime - e.failing)
	err.Exhausted = left <= 0
	wait := l.backoff.After(backoff.Failure{
		Count: err.Failures, Slow: err.Slow(), RetryAfter: err.RetryAfter,
		Life: e.life, Left: e.left(l.now.wall), Random: l.random(),
	})
	if left > 0 && err.RetryAfter == 0 { // the last attempt before the end of the patience is one at its end
		wait = min(wait, left)
	}
	err.RetryAt = l.now.wall.Add(wait)
	l.report.failure(e, &err, wait, l.now)

	e.err, e.awaitsToken = &err, err.Class == InvalidToken
	l.schedule(e, err.RetryAt)
	l.publish(e, true)
	if e.awaitsToken {
		l.reportInvalid(r.token)
	}
}

// outdated reports whether the request was refused for a token that has been replaced
// since.
func (l *loop) outdated(r result) bool {
	return (r.err.Class == InvalidToken || r.err.Class == Denied) && r.token != l.token
}

// reportInvalid calls Config.InvalidToken, once for each token.
func (l *loop) reportInvalid(token redact.Secret) {
	if l.config.InvalidToken == nil || l.reported != nil && *l.reported == token {
		return
	}
	l.reported = &token
	l.config.InvalidToken(token)
}

// publish updates the board, and wakes the subscriptions of the entry.
func (l *loop) publish(e *entry, changed bool) {
	l.board.set(e.request, known{e.answer, e.err})
	if !changed {
		return
	}
	for _, s := range e.subs {
		s.wake()
	}
}
