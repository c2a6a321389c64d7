// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// reloadTime is how long a server may serve the certificate from before after it was
// told of the next one, without a word about that.
const reloadTime = time.Second

// sight is what the handshakes of a bundle's probes have seen. A new generation cancels
// a probe, but not what it has seen.
type sight struct {
	changed chan struct{} // one slot

	mu      sync.Mutex
	begun   time.Time // when the probe in progress began
	address string
	leaf    *x509.Certificate // of the last handshake; nil if it failed
	at      time.Time
	err     error // of the last handshake that failed
}

// begin notes that another probe begins.
func (s *sight) begin(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = now
}

// see takes what a handshake has found.
func (s *sight) see(address string, leaf *x509.Certificate, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address, s.at = address, now()
	if err != nil {
		s.err = err
	}
	if leaf == nil {
		return
	}
	s.leaf = leaf
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// last returns the last leaf that was seen, nil if none was, where that was, how long
// after the beginning of the probe, and the last error.
func (s *sight) last() (leaf *x509.Certificate, address string, after time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaf, s.address, s.at.Sub(s.begun), s.err
}

// forget ends what was seen.
func (s *sight) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaf, s.err = nil, nil
}

// outdated returns a function that reports whether a served leaf is older than the
// generation before, of which the consumer was told: it is not one that is about to be
// replaced. The function may be called by any goroutine.
func (b *Bundle) outdated() func(*x509.Certificate) bool {
	former, current := b.former, b.published.leaves
	return func(leaf *x509.Certificate) bool {
		newer := func(c *x509.Certificate) bool { return leaf.NotBefore.Before(c.NotBefore) }
		return len(former) > 0 && !contains(former, leaf) && !contains(current, leaf) &&
			!slices.ContainsFunc(former, func(c *x509.Certificate) bool { return !newer(c) })
	}
}

func contains(all []*x509.Certificate, leaf *x509.Certificate) bool {
	return slices.ContainsFunc(all, leaf.Equal)
}

// observeServed tells the state which certificate a server is seen to serve in place of
// the published one.
func (b *Bundle) observeServed(now time.Time) {
	if !b.verifies() || !b.state.Verification.Unverified {
		return
	}
	leaf, address, after, _ := b.sight.last()
	if leaf == nil {
		return
	}
	served := plan.Ending{}
	if !contains(b.published.leaves, leaf) {
		if after < reloadTime && !b.outdated()(leaf) {
			return // it is about to be replaced
		}
		served = plan.Ending{Serial: certinfo.Serial(leaf), At: leaf.NotAfter}
		b.servedAt = address
	}
	if served != b.state.Verification.Served {
		b.apply(plan.Sighted{Ending: served})
	}
}

// concluded ends what the probes have seen, and records that something is known, if the
// record says otherwise.
func (b *Bundle) concluded(ctx context.Context) {
	b.sight.forget()
	if string(b.state.Remembered().JSON()) != string(b.published.record.Payload) {
		b.save(ctx)
	}
}

// errUnproven is that nothing was concluded, and not even a handshake failed.
var errUnproven = errors.New("no handshake has ended")

// doubt says that it is not known for too long what is served.
func (b *Bundle) doubt(ctx context.Context) {
	since := b.state.Verification.Open
	leaf, address, _, err := b.sight.last()
	other := leaf != nil && !contains(b.published.leaves, leaf)
	if err == nil && leaf == nil {
		err = errUnproven
	}
	if other {
		err = errServedOld
	}
	f := failure()
	b.apply(plan.Unproven{Failure: f, Other: other})
	if err != nil {
		b.noteError(plan.Verify, err)
	}
	v := b.state.Verification
	attributes := []any{addressOf(address, b.block.Verify.Addresses)}
	attempt := v.Unanswered
	if other {
		attempt = v.ServedOld
		attributes = append(attributes, logkey.Served, certinfo.Serial(leaf), logkey.Remedy, b.state.Remedy().String())
	}
	if err != nil {
		attributes = append(attributes, logkey.Error, err)
	}
	if logged, leftOut := logmsg.Repeat(attempt); logged {
		b.log.Error(logmsg.Unproven, append(attributes, logkey.Since, since.UTC(), logkey.Attempt, attempt, logkey.LeftOutCount(leftOut),
			logkey.Retry, v.NotBefore.Sub(f.Now).Round(time.Millisecond))...)
	}
	b.concluded(ctx)
}

// addressOf returns the log's attribute for where something was seen; all addresses if
// nothing was.
func addressOf(seen string, all []string) slog.Attr {
	if seen == "" && len(all) > 0 {
		seen = all[0]
	}
	return slog.String(logkey.Address, seen)
}
