// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

// Outcome is the result of Verify. The zero value is Unreachable.
type Outcome int

// The outcomes.
const (
	// Unreachable: too few handshakes succeeded to prove the wanted certificate, and
	// no other certificate was seen.
	Unreachable Outcome = iota
	// ServedOld: another certificate was seen, and until the deadline it was not proven
	// that the wanted one has replaced it.
	ServedOld
	// Verified: the wanted certificate is being served.
	Verified
)

func (o Outcome) String() string {
	switch o {
	case Verified:
		return "verified"
	case ServedOld:
		return "served_old"
	default:
		return "unreachable"
	}
}

// overall returns the outcome for all targets: Verified if all are, otherwise ServedOld
// if one is, which says more than Unreachable.
func overall(targets []TargetReport) Outcome {
	all := Verified
	for _, t := range targets {
		switch {
		case t.Outcome == ServedOld:
			return ServedOld
		case t.Outcome == Unreachable:
			all = Unreachable
		}
	}
	return all
}
