// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

// Outcome is what came of a verify. The zero value proves nothing.
type Outcome int

// The outcomes.
const (
	// Unreachable: the wanted certificate was not proven, and no other was seen
	// either, because too few handshakes or none came about.
	Unreachable Outcome = iota
	// ServedOld: another certificate was seen, and by the deadline the wanted one
	// had not taken its place for good.
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

// overall is the outcome for all targets together: they must all agree, and
// one that serves another certificate tells more than one that cannot be
// reached.
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
