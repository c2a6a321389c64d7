// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"time"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// task is the input of a worker, and result its output. Workers do not touch the state
// of the loop.
type task struct {
	entry  *entry // returned unchanged
	act    act
	token  redact.Secret
	asked  time.Time // by the wall clock, before the work began
	held   *Answer   // for renew
	single *single   // for once

	wrongClock certinfo.WrongClock // for ask: why the last answer was of no use
}

type result struct {
	task
	answer *Answer // nil if there is none
	window window
	err    *Error
}

func (s *Store) work(ctx context.Context, t task, r vaultreq.Request) result {
	done := result{task: t}
	switch t.act {
	case adopt:
		if secret, ok := s.config.Adopt(r); ok && secret != nil {
			done.answer = &Answer{Request: r, Secret: secret, Adopted: true, FetchedAt: t.asked}
		}
	case renew:
		secret, err := s.vault.renew(ctx, t.token, t.held.Secret)
		if done.err = err; err == nil {
			answer := *t.held
			answer.Secret, done.answer = secret, &answer
		}
	case once:
		secret, err := s.vault.once(ctx, t.token, t.single)
		if done.err = err; err == nil {
			done.answer = &Answer{Request: r, Secret: secret}
		}
		return done
	case ask:
		if done.err = s.checkClock(ctx, t.wrongClock); done.err != nil {
			return done
		}
		done.answer, done.window, done.err = s.vault.fetch(ctx, t.token, r, t.asked)
	}
	if done.answer != nil && t.act != ask {
		done.window = windowOf(r, done.answer.Secret.Data, t.asked)
	}
	if done.answer != nil {
		done.answer.Serial = done.window.serial
	}
	return done
}
