// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/backoff"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/sinks"
)

// sinkBackoff is Vault Agent's back-off for writing a sink, with an upper bound.
var sinkBackoff = backoff.Law{Min: 2 * time.Second, Max: time.Minute}

// tokenSink writes each new login token to one sink. A sink that cannot be written
// delays nothing else.
type tokenSink struct {
	config  config.Sink
	seal    *sinks.Encryption // nil if the token is not encrypted
	client  *api.Client
	log     *slog.Logger
	next    chan auth.Token // one slot: the latest token
	written chan struct{}   // closed once the first token is on disk
}

func newTokenSink(cfg config.Sink, client *api.Client, log *slog.Logger) *tokenSink {
	var seal *sinks.Encryption
	if cfg.DHType != "" {
		seal = &sinks.Encryption{DHPath: cfg.DHPath, DeriveKey: cfg.DeriveKey, AAD: cfg.AAD}
	}
	return &tokenSink{
		config:  cfg,
		seal:    seal,
		client:  client,
		log:     log.With(logkey.Sink, cfg.Path),
		next:    make(chan auth.Token, 1),
		written: make(chan struct{}),
	}
}

// deliver replaces the token to write. Only one goroutine may call it.
func (s *tokenSink) deliver(t auth.Token) {
	select {
	case <-s.next:
	default:
	}
	s.next <- t
}

// run writes each token that is delivered, until ctx ends.
func (s *tokenSink) run(ctx context.Context) {
	var token auth.Token
	var retry <-chan time.Time
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case token = <-s.next:
			failures = 0
		case <-retry:
		}
		retry = nil
		if err := s.write(ctx, token); err != nil {
			failures++
			delay := sinkBackoff.Delay(failures, rand.Float64())
			if logged, leftOut := logmsg.Repeat(failures); logged {
				s.log.Error(logmsg.TokenNotWritten,
					logkey.Error, err, logkey.Attempt, failures, logkey.LeftOutCount(leftOut), logkey.Retry, delay.Round(time.Millisecond), sinkHint(err))
			}
			retry = time.After(delay)
			continue
		}
		s.log.Info(logmsg.TokenWritten)
		select {
		case <-s.written:
		default:
			close(s.written)
		}
	}
}

// sinkHint returns the log's attribute for what to do about a file that could not be
// written.
func sinkHint(err error) slog.Attr {
	var failed *sinks.Error
	if !errors.As(err, &failed) || failed.Hint() == "" {
		return slog.Attr{}
	}
	return slog.String(logkey.Hint, failed.Hint())
}

// write wraps and encrypts the token as configured, in this order, and writes it.
func (s *tokenSink) write(ctx context.Context, t auth.Token) error {
	content := redact.Bytes(t.Value)
	if s.config.WrapTTL > 0 {
		wrapped, err := auth.Wrap(ctx, s.client, t.Value, s.config.WrapTTL)
		if err != nil {
			return err
		}
		content = wrapped
	}
	if s.seal != nil {
		sealed, err := s.seal.Seal(content)
		if err != nil {
			return err
		}
		content = sealed
	}
	return sinks.Token{Path: s.config.Path, Mode: s.config.Mode, UID: s.config.UID, GID: s.config.GID}.Write(ctx, content)
}
