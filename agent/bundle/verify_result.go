// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/probe"
)

// probeFailed logs a probe that could not tell, for no fault of the server.
func (b *Bundle) probeFailed(err error, f plan.Failure) {
	b.noteError(plan.Verify, err)
	v := b.state.Verification
	if logged, leftOut := logmsg.Repeat(v.Unanswered); logged {
		b.log.Error(logmsg.ProbeFailed, logkey.Error, err, logkey.Attempt, v.Unanswered, logkey.LeftOutCount(leftOut),
			logkey.Retry, v.NotBefore.Sub(f.Now).Round(time.Millisecond))
	}
}

// servedOld reports that the served certificate is not the published one, and records
// which change runs because of that.
func (b *Bundle) servedOld(ctx context.Context, r probeResult) {
	b.noteError(plan.Verify, errServedOld)
	untold := b.untold()
	f, tickets := failure(), b.state.Tickets
	b.apply(plan.ServedOld{Probe: r.number, Failure: f})
	v := b.state.Verification
	logged, leftOut := logmsg.Repeat(v.ServedOld)
	for _, t := range r.report.Targets {
		if logged && t.Outcome == probe.ServedOld && untold != nil {
			b.log.Error(logmsg.ServedUntold, logkey.Address, t.Address, logkey.Error, untold,
				logkey.Hint, "write as pid_file the file in which this server writes its number")
		}
		if t.Outcome == probe.ServedOld {
			b.servedAt = t.Address
		}
		if logged && t.Outcome == probe.ServedOld {
			b.log.Error(logmsg.ServedOld, logkey.Outcome, r.report.Outcome.String(), logkey.Address, t.Address,
				logkey.Served, certinfo.Serial(t.Served), logkey.Serial, certinfo.Serial(r.leaf), logkey.Remedy, b.state.Remedy().String(),
				logkey.Attempt, v.ServedOld, logkey.LeftOutCount(leftOut), logkey.Retry, v.NotBefore.Sub(f.Now).Round(time.Millisecond))
		}
	}
	if b.state.Tickets != tickets { // a change was scheduled
		b.save(ctx)
	}
	if b.env.ExitOnRetryFailure && v.ServedOld > b.env.Retries {
		b.env.Fail(&Failure{Kind: Change, Err: errServedOld})
	}
}

var errServedOld = errors.New("the served certificate is not the published one")

// errFewHandshakes is why nothing is known of a server although no handshake failed.
var errFewHandshakes = errors.New("too few handshakes ended in time")

// contact is how far a probe came with a server that shows no certificate.
type contact int

const (
	nobodyThere contact = iota
	notConnected
	noHandshake
)

var unreachableMessages = map[contact]string{
	nobodyThere:  logmsg.Unreachable,
	notConnected: logmsg.NotConnected,
	noHandshake:  logmsg.NoHandshake,
}

// classifyContact returns how far a probe came whose last error is err, and what to log
// as its error.
func classifyContact(err error) (contact, error) {
	switch {
	case err == nil:
		return noHandshake, errFewHandshakes
	case !errors.Is(err, probe.ErrUnreachable):
		return noHandshake, err
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT):
		return nobodyThere, err
	}
	return notConnected, err
}

// unreachable reports that no server shows a certificate: one that starts later reads
// the new files then.
func (b *Bundle) unreachable(r probeResult) {
	f, absent := failure(), b.state.Verification.Absent
	b.apply(plan.Unreachable{Probe: r.number, Failure: f})
	v := b.state.Verification
	logged, leftOut := logmsg.Repeat(v.Unanswered)
	for _, t := range r.report.Targets {
		if t.Outcome == probe.Unreachable && (logged || !absent) {
			kind, err := classifyContact(t.Err)
			b.log.Warn(unreachableMessages[kind], logkey.Outcome, r.report.Outcome.String(), logkey.Address, t.Address,
				logkey.Error, err, logkey.Attempt, v.Unanswered, logkey.LeftOutCount(leftOut), logkey.Retry, v.NotBefore.Sub(f.Now).Round(time.Millisecond))
		}
	}
}
