// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
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

// unreachable reports that no server is listening: one that starts later reads the
// new files then.
func (b *Bundle) unreachable(r probeResult) {
	f, absent := failure(), b.state.Verification.Absent
	b.apply(plan.Unreachable{Probe: r.number, Failure: f})
	v := b.state.Verification
	logged, leftOut := logmsg.Repeat(v.Unanswered)
	for _, t := range r.report.Targets {
		if t.Outcome == probe.Unreachable && (logged || !absent) {
			b.log.Warn(logmsg.Unreachable, logkey.Outcome, r.report.Outcome.String(), logkey.Address, t.Address,
				logkey.Error, t.Err, logkey.Attempt, v.Unanswered, logkey.LeftOutCount(leftOut), logkey.Retry, v.NotBefore.Sub(f.Now).Round(time.Millisecond))
		}
	}
}
