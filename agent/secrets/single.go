// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
)

// enqueue gives a single question its place in the queue.
func (l *loop) enqueue(q *single) {
	l.order++
	q.entry = &entry{request: q.request, act: once, single: q, place: -1, order: l.order}
	l.schedule(q.entry, l.now.wall)
}

// ready says whether a question whose turn has come is to be asked. Nobody waits
// any more for one whose context has ended. One whose token was refused comes
// with that token only after it has waited long enough for another: that is its
// reply.
func (q *single) ready() bool {
	if q.ctx.Err() != nil {
		return false
	}
	if q.entry.waits {
		q.reply <- conclusion{err: q.entry.err}
	}
	return !q.entry.waits
}

// concluded replies to a single question, unless its token was refused and
// there is another, or will be.
func (l *loop) concluded(e *entry, r result) {
	if r.err == nil {
		e.single.reply <- conclusion{secret: r.answer.Secret}
		return
	}
	if l.outdated(r) {
		l.schedule(e, l.now.wall)
		return
	}
	err := *r.err
	err.Request, err.Failures = e.request, 1
	if err.Class != InvalidToken {
		e.single.reply <- conclusion{err: &err}
		return
	}
	e.err, e.waits = &err, true
	l.schedule(e, l.now.wall.Add(l.backoff.SlowMax()))
	l.invalid(r.token)
}

// context ends with the caller's and with the Store's, and after the time-out.
func (q *single) context(run context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(q.ctx, timeout)
	stop := context.AfterFunc(run, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// once asks a single question.
func (v *vault) once(ctx context.Context, token redact.Secret, q *single) (*api.Secret, *Error) {
	s, err := v.ask(withoutRetries(ctx), question{
		method: http.MethodPut, path: q.request.Path, body: q.body, token: string(token), unwrapped: true,
	})
	if err == nil && len(s.Data) == 0 {
		err = malformed("the answer holds nothing")
	}
	return s, err
}
