// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"fmt"
	"syscall"
)

// Rewrites says what a child gets in the place of a signal: another one, or
// nothing if that is 0. It gets a signal that is not in it as it is.
//
// For nginx it would be TERM and INT to QUIT: both cut off what it is just
// sending, while supervisors send these, and QUIT ends it with grace.
type Rewrites map[syscall.Signal]syscall.Signal

// Add adds a rewriting as it is written down: a signal's name or number (see
// ParseSignal) to another, or to 0 or nothing to drop it.
func (r Rewrites) Add(from, to string) error {
	source, err := ParseSignal(from)
	if err != nil {
		return err
	}
	if !forwardable(source) {
		return fmt.Errorf("%s is never sent on to a child", SignalName(source))
	}
	if _, twice := r[source]; twice {
		return fmt.Errorf("%s is rewritten twice", SignalName(source))
	}
	var target syscall.Signal
	if to != "" && to != "0" {
		if target, err = ParseSignal(to); err != nil {
			return err
		}
	}
	r[source] = target
	return nil
}

// Of returns what to send to the child for a signal, and whether to send
// anything.
func (r Rewrites) Of(sig syscall.Signal) (syscall.Signal, bool) {
	if target, rewritten := r[sig]; rewritten {
		return target, target != 0
	}
	return sig, forwardable(sig)
}
