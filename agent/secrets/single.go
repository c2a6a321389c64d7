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

// enqueue puts a single request into the queue.
func (l *loop) enqueue(q *single) {
	l.order++
	q.entry = &entry{request: q.request, act: once, single: q, place: -1, order: l.order}
	l.schedule(q.entry, l.now.wall)
}

// ready reports whether a request that is due is to be made. It is not if its context
// has ended. If its token was refused, and no other token came in time, the refusal is
// the reply.
func (q *single) ready() bool {
	if q.ctx.Err() != nil {
		return false
	}
	if q.entry.awaitsToken {
		q.reply <- conclusion{err: q.entry.err}
	}
	return !q.entry.awaitsToken
}

// replyTo replies to a single request, unless its token was refused and there is another
// token, or will be one.
func (l *loop) replyTo(e *entry, r result) {
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
	e.err, e.awaitsToken = &err, true
	l.schedule(e, l.now.wall.Add(l.backoff.SlowMax()))
	l.reportInvalid(r.token)
}

// context returns a context that ends with that of the caller and that of the Store, and
// after the time-out.
func (q *single) context(run context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(q.ctx, timeout)
	stop := context.AfterFunc(run, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// once makes a single request.
func (v *vault) once(ctx context.Context, token redact.Secret, q *single) (*api.Secret, *Error) {
	s, err := v.ask(withoutRetries(ctx), question{
		method: http.MethodPut, path: q.request.Path, body: q.body, token: string(token), unwrapped: true,
	})
	if err == nil && len(s.Data) == 0 {
		err = malformed("the answer contains nothing")
	}
	return s, err
}
