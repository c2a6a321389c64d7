// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"math/rand/v2"

	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/redact"
)

// finish takes an entry back from its worker.
func (l *loop) finish(r result) {
	e := r.entry
	l.active--
	e.cancel()
	e.cancel = nil
	if r.asked.After(l.now.wall) { // the clock was set back meanwhile
		r.asked = l.now.wall
	}
	switch {
	case e.dropped:
	case e.single != nil:
		l.concluded(e, r)
	case r.act == adopt && !adoptable(r):
		e.act = ask
		l.schedule(e, l.now.wall)
	case r.err != nil && r.act == renew && l.renewalOver(e, r.err):
		e.act = ask
		l.schedule(e, l.now.wall)
	case r.err != nil:
		l.failed(e, r)
	default:
		l.answered(e, r)
	}
}

// adoptable says whether the caller has a certificate that is worth having.
func adoptable(r result) bool {
	return r.answer != nil && r.window.present() && r.window.notAfter.After(r.asked)
}

// renewalOver says that a lease will not be renewed, so that the secret has to be
// asked for anew: Vault said so, or there is hardly time left. Whether it was the
// agent's own token that was refused, that question will tell.
func (l *loop) renewalOver(e *entry, err *Error) bool {
	return err.Class != Transient || e.left(l.now.wall) < e.life/10
}

// answered publishes an answer and sets its deadline.
func (l *loop) answered(e *entry, r result) {
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
	answer := *r.answer
	answer.RenewAt, answer.ExpiresAt = d.at, d.expires
	changed := e.err != nil || !sameContent(e.answer, &answer)
	answer.Version = l.versionOf(e.answer, &answer)
	l.report.answered(e, &answer, r.window, l.now)

	e.answer, e.err, e.waits = &answer, nil, false
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

// failed keeps the answer from before, and tries again later.
func (l *loop) failed(e *entry, r result) {
	if l.outdated(r) {
		l.schedule(e, l.now.wall)
		return
	}
	err := *r.err
	err.Request, err.Failures = e.request, 1
	if e.err != nil {
		err.Failures = e.err.Failures + 1
	}
	err.Exhausted = err.Failures > max(l.config.Retries, 0)
	wait := l.backoff.After(backoff.Failure{
		Count: err.Failures, Slow: err.Slow(), RetryAfter: err.RetryAfter,
		Life: e.life, Left: e.left(l.now.wall), Random: rand.Float64(),
	})
	err.RetryAt = l.now.wall.Add(wait)
	l.report.failed(e, &err, wait, l.now)

	e.err, e.waits = &err, err.Class == InvalidToken
	l.schedule(e, err.RetryAt)
	l.publish(e, true)
	if e.waits {
		l.invalid(r.token)
	}
}

// outdated says that a token was refused in place of which there is another
// already.
func (l *loop) outdated(r result) bool {
	return (r.err.Class == InvalidToken || r.err.Class == Denied) && r.token != l.token
}

// invalid tells the caller of a refused token, once.
func (l *loop) invalid(token redact.Secret) {
	if l.config.InvalidToken == nil || l.reported != nil && *l.reported == token {
		return
	}
	l.reported = &token
	l.config.InvalidToken(token)
}

// publish shows what is known of an entry, and wakes those who want it.
func (l *loop) publish(e *entry, changed bool) {
	l.board.set(e.request, known{e.answer, e.err})
	if !changed {
		return
	}
	for _, s := range e.subs {
		s.wake()
	}
}
