// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"time"
)

// onceTimeout is the default of -timeout with -once. Vault Agent's exit_after_auth waits
// for ever, and so does the flag -exit-after-auth.
const onceTimeout = 10 * time.Minute

// oneShot is how a one-shot run ends.
type oneShot struct {
	timeout       time.Duration // 0 is for ever
	revoke        bool          // the token, at the end
	finished      bool
	renewed, kept int
}

// timeoutFlag is the value of -timeout.
type timeoutFlag struct {
	given bool
	value time.Duration
}

func (f *timeoutFlag) String() string { return "" }

func (f *timeoutFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("must be a duration, such as 5m, or 0 to wait for ever")
	}
	f.given, f.value = true, d
	return nil
}
