// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// ErrEnded is the error of requests after Run has ended.
var ErrEnded = errors.New("the store has ended")

// single is a request that is made once, for one caller.
type single struct {
	ctx     context.Context
	request vaultreq.Request // without parameters, so that they cannot be printed
	body    json.RawMessage
	reply   chan conclusion // one slot, for the one reply

	entry *entry // the loop's
}

// conclusion is either an answer or an error.
type conclusion struct {
	secret *api.Secret
	err    *Error
}

// Ask sends the parameters as JSON to a path in Vault (PUT), and returns the answer,
// which has Data. It makes one HTTP request, in turn with those of the subscriptions;
// before Run and Authenticated it waits. The answer is not shared, kept or renewed.
//
// If Vault refuses the token and there is another one meanwhile, Ask makes the request
// again. If the token is invalid, it calls Config.InvalidToken and waits for another
// token, up to the longest delay between the attempts of a subscription. After any other
// failure the caller must retry, because only the caller can handle an answer that was
// lost on its way.
//
// Each error is an *Error, with neither Exhausted nor RetryAt. It wraps the error of the
// context if that has ended, and ErrEnded if Run has.
func (s *Store) Ask(ctx context.Context, path string, params map[string]any) (*api.Secret, error) {
	q := newSingle(ctx, path)
	if err := q.encode(params); err != nil {
		return nil, q.failure(Refused, err)
	}
	s.mail.post(func(l *loop) { l.enqueue(q) })

	var ended error
	select {
	case c := <-q.reply:
		return q.conclude(c)
	case <-ctx.Done():
		ended = ctx.Err()
		s.mail.post(func(l *loop) { l.drop(q.entry) })
	case <-s.ended:
		ended = ErrEnded
	}
	select {
	case c := <-q.reply: // at the last moment
		return q.conclude(c)
	default:
		return nil, q.failure(Transient, ended)
	}
}

func newSingle(ctx context.Context, path string) *single {
	r := vaultreq.Request{Kind: vaultreq.Write, Path: strings.Trim(strings.TrimSpace(path), "/")}
	if issues(r.Path) {
		r.Kind = vaultreq.Certificate
	}
	return &single{ctx: ctx, request: r, reply: make(chan conclusion, 1)}
}

// encode encodes the body. It hides the errors of encoding/json, which may quote it.
func (q *single) encode(params map[string]any) error {
	if q.request.Path == "" {
		return errors.New("the path in Vault is empty")
	}
	if params == nil {
		params = map[string]any{}
	}
	body, err := json.Marshal(params)
	if err != nil {
		return errors.New("the parameters cannot be written as JSON")
	}
	q.body = body
	return nil
}

func (q *single) conclude(c conclusion) (*api.Secret, error) {
	switch {
	case c.err == nil:
		return c.secret, nil
	case errors.Is(c.err, context.Canceled) && q.ctx.Err() == nil:
		return nil, q.failure(Transient, ErrEnded) // nothing else cancels
	}
	return nil, c.err
}

func (q *single) failure(class Class, cause error) *Error {
	return &Error{Request: q.request, Class: class, Failures: 1, cause: cause}
}
