// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package plan

// Remedy is what is done while the old certificate is still being served.
type Remedy int

const (
	// LookAgain only verifies again: there is nothing to be done about it, or
	// the server may take it up by itself.
	LookAgain Remedy = iota
	// ChangeAgain runs the change again.
	ChangeAgain
	// FallBack runs the fallback.
	FallBack
)

// String returns the remedy's name for tests.
func (r Remedy) String() string {
	return [...]string{"look again", "change again", "fall back"}[r]
}

// Remedied returns what to do when the old certificate is seen for the nth time
// after one publishing, counted from 1. The change runs a second time, because the
// server may have been busy; after that the fallback runs, if there is one.
func Remedied(times int, hasChange, hasFallback bool) Remedy {
	switch {
	case hasFallback && times > 1:
		return FallBack
	case hasChange:
		return ChangeAgain
	}
	return LookAgain
}
