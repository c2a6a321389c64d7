// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import (
	"encoding/json"
	"time"
)

type (
	// CheckPassed reports that the check command accepts what is published.
	CheckPassed struct{}

	// CheckVetoed reports that it does not.
	CheckVetoed struct{}

	// RolledBack reports that readers see the generation before the vetoed one
	// again.
	RolledBack struct {
		Failure
		// Certificates replace those of the previous generation's origin, if it is to
		// be remembered.
		Certificates map[string]json.RawMessage
		// Visible is that of the publication that readers see again.
		Visible string
		// Ending is what is seen on disk, if the previous generation is not remembered.
		Ending Ending
	}

	// NoPrevious reports that there is no generation to go back to: the vetoed one
	// stays visible, and nothing reacts to it until the check has passed.
	NoPrevious struct{ Failure }

	// RollbackFailed reports that readers still see the vetoed generation.
	RollbackFailed struct{ Failure }
)

func (CheckPassed) after(s State) State {
	s.Published.Check, s.Published.Previous = Passed, nil
	return s.accepted().taken().progressed()
}

// accepted forgets what the check has vetoed: what is wanted has passed.
func (s State) accepted() State {
	s.Rejected, s.Vetoes, s.Retry.Rejected = "", 0, time.Time{}
	return s
}

func (CheckVetoed) after(s State) State {
	s.Published.Check = Vetoed
	s.Vetoes++
	s.Retry.Rollback = time.Time{}
	return s
}

// The vetoed generation is published again later, as another generation: somebody
// may have repaired the consumer meanwhile. If another one waits to be published,
// it is rendered and compared with the disk again. Of a previous generation that is
// not remembered, it is not known whether the check has passed; what was pending
// for it is pending for the vetoed one too.
func (e RolledBack) after(s State) State {
	vetoed := s.Published
	s.Published = Publication{Check: Unchecked, Pending: vetoed.Pending}
	if vetoed.Previous != nil {
		s.Published = *vetoed.Previous
	}
	s.Published.Visible = e.Visible
	s.Published.Origin.Certificates = e.Certificates
	if s.Published.Origin.Expires.IsZero() {
		s.Published.Origin.Expires, s.Published.Origin.Serial = e.Ending.At, e.Ending.Serial
	}
	s.Rejected = vetoed.Digest
	s.FreshUntil = time.Time{} // that was of the vetoed one
	s.Failures.Rollback = 0
	retry := e.retry(slowBackoff, s.Vetoes)
	s.Retry.Rejected, s.Retry.Check = retry, retry
	if s.Content == Differs || vetoed.Digest == "" {
		s.Stale = true
		s.Content, s.Rendered = Unknown, Generation{}
	} else {
		s.Content, s.Rendered = Differs, vetoed.Generation
	}
	return s.schedulePending().unverified().progressed()
}

func (e NoPrevious) after(s State) State {
	s.Published.Check = Unchecked
	s.Failures.Rollback = 0
	s.Retry.Check = e.retry(slowBackoff, s.Vetoes)
	return s
}

func (e RollbackFailed) after(s State) State {
	s.Failures.Rollback++
	s.Retry.Rollback = e.retry(localBackoff, s.Failures.Rollback)
	return s
}
