// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

import "time"

// Ending is a certificate and when it ends. The zero value is none.
type Ending struct {
	Serial string    `json:"serial,omitempty"` // "" if it is unknown
	At     time.Time `json:"at,omitzero"`
}

// Ended reports whether the certificate has ended.
func (e Ending) Ended(now time.Time) bool { return !e.At.IsZero() && !now.Before(e.At) }

// Ending returns the first of the generation's certificates that ends.
func (o Origin) Ending() Ending { return Ending{o.Serial, o.Expires} }

// Use is in what way a certificate is in use.
type Use int

const (
	// OnDisk means that readers of the files see it.
	OnDisk Use = iota
	// BeforeChange means that the check or the change after the newest generation has
	// yet to succeed: the consumer uses the one from before.
	BeforeChange
	// Served means that a server was seen to serve it in place of the published one.
	Served
)

// InUse returns the certificate in use that ends first, and in what way it is used.
func (s State) InUse() (first Ending, use Use) {
	first = s.Published.Origin.Ending()
	for _, other := range []struct {
		Ending
		use Use
	}{{s.Published.InUse, BeforeChange}, {s.Verification.Served, Served}} {
		if !other.At.IsZero() && (first.At.IsZero() || other.At.Before(first.At)) {
			first, use = other.Ending, other.use
		}
	}
	return first, use
}

// ended reports whether a certificate on disk has ended, or one that is seen to be
// served: nobody is told that such a bundle is ready.
func (s State) ended() bool {
	return s.Published.Origin.Ending().Ended(s.ObservedAt) || s.Verification.Served.Ended(s.ObservedAt)
}

// used returns what the consumer uses of a publication: the one before it, until the
// check has passed and the changes have succeeded.
func (p Publication) used() Ending {
	if !p.InUse.At.IsZero() {
		return p.InUse
	}
	return p.Origin.Ending()
}

// taken notes that the consumer uses what is published, if nothing is to be done about
// that any more.
func (s State) taken() State {
	if len(s.Published.Pending) == 0 && s.Published.Check == Passed {
		s.Published.InUse = Ending{}
	}
	return s
}

// Trouble is what keeps the certificate in use from being replaced.
type Trouble int

// The troubles, in the order in which a certificate meets them.
const (
	NoTrouble   Trouble = iota
	LoadTrouble         // the files on disk cannot be read without a password, which is missing
	LoginTrouble
	SecretTrouble
	LimitTrouble
	IssueTrouble
	AnswerTrouble // Vault has not answered yet
	RenderTrouble
	PublishTrouble
	RollbackTrouble
	CheckTrouble
	ChangeTrouble
	WaitTrouble   // a change waits for its time, or is held
	AbsentTrouble // the target of a change is not there
	ServedTrouble
)

// Trouble returns what keeps the certificate in use from being replaced, NoTrouble if
// nothing is known to.
func (s State) Trouble() Trouble {
	_, use := s.InUse()
	if use == OnDisk {
		if t := s.troubleBefore(); t != NoTrouble {
			return t
		}
	}
	switch {
	case s.Published.Check == Vetoed || s.Failures.Rollback > 0:
		return RollbackTrouble
	case s.Vetoes > 0 || s.Rejected != "":
		return CheckTrouble
	}
	for _, p := range s.Published.Pending {
		if p.Failures > 0 {
			return ChangeTrouble
		}
	}
	switch {
	case use == BeforeChange && len(s.Published.Pending) > 0 && s.Published.onlyWaits():
		return AbsentTrouble
	case use == Served || s.Verification.ServedOld > 0:
		return ServedTrouble
	case use == BeforeChange && len(s.Published.Pending) > 0:
		return WaitTrouble
	}
	return s.troubleBefore()
}

// troubleBefore returns what keeps a newer certificate from being published.
func (s State) troubleBefore() Trouble {
	asking, unread := false, false
	for _, c := range s.Certificates {
		asking, unread = asking || c.Asking, unread || c.LoadFailed
	}
	issue := NoTrouble
	for _, c := range s.Certificates {
		switch {
		case c.Limited && !c.Asking:
			issue = LimitTrouble
		case c.Failures > 0:
			issue = IssueTrouble
		}
	}
	switch {
	case unread:
		return LoadTrouble
	case s.LoggedOut:
		return LoginTrouble
	case s.SecretFails:
		return SecretTrouble
	case issue != NoTrouble:
		return issue
	case s.Failures.Render > 0:
		return RenderTrouble
	case s.Failures.Publish > 0 || s.Failures.Repair > 0:
		return PublishTrouble
	case asking:
		return AnswerTrouble
	}
	return NoTrouble
}
