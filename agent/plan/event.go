// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"time"

	"github.com/certagent/certagent/backoff"
)

// Event is something that happened to a bundle. The types of this package are the
// only events: each returns the state that follows, and is declared beside the
// others of its kind.
//
//	observe.go  Started, Stopping, Observed, FetchStarted, SecretsChanged, InputsChanged, FilesChanged
//	issue.go    CertificateLoaded, LoadFailed, IssueStarted, IssueHeld, Issued, IssueFailed, Counted, IssueAbandoned, IssuerChanged
//	publish.go  Rendered, RenderIncomplete, RenderFailed, Published, PublishFailed, Repaired, RepairFailed
//	check.go    CheckPassed, CheckVetoed, RolledBack, NoPrevious, RollbackFailed
//	pending.go  ChangeDone, ChangeNotNeeded, TargetAbsent, ChangeHeld, ChangeFailed
//	verify.go   VerifyStarted, NothingToVerify, Sighted, Verified, ServedOld, Unreachable, ProbeFailed, Unproven
//	resume.go   Resumed, Merged
//
// What an event brings is known to the caller only: the clock, random numbers, and
// what came of a step.
type Event interface{ after(State) State }

// After returns the state that follows from the event. It is deterministic and
// does not change s.
func (s State) After(e Event) State { return e.after(s) }

// Failure is when something failed, and what its back-off needs.
type Failure struct {
	Now time.Time
	// Random is drawn anew for each failure, in [0,1).
	Random float64
}

var (
	// localBackoff spaces attempts that cost Vault nothing: rendering, publishing,
	// reacting.
	localBackoff = backoff.Law{Min: 500 * time.Millisecond, Max: 30 * time.Second}
	// lookBackoff spaces looks at a target that is not there, or does not catch its
	// signal yet. A look costs a few system calls.
	lookBackoff = backoff.Law{Min: 500 * time.Millisecond, Max: 10 * time.Second, Jitter: backoff.UpperHalf}
	// slowBackoff spaces what disturbs a consumer, or waits for an operator: a
	// generation that was vetoed, a change that did not take effect.
	slowBackoff = backoff.Law{Min: 2 * time.Second, Max: 5 * time.Minute}
)

// retry returns when to try again after the failure with that number.
func (f Failure) retry(law backoff.Law, number int) time.Time {
	return f.Now.Add(law.Delay(number, f.Random))
}
