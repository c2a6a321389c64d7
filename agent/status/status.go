// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package status describes a running agent at one instant: the state of its bundles,
// what they wait for, and when they renew.
//
// It consists of values without secrets. The agent's loops make them, and readers get
// copies. It decides nothing.
package status

import "time"

// Agent is the status of an agent.
type Agent struct {
	// Ready is set when every bundle has been published and, if it has verify, is
	// served; valid files of an earlier run count as published. It stays set.
	Ready bool
	// Login is what the login waits for: Nothing while there is a token.
	Login Awaits
	// LoginError is why the last login failed; "" if it did not.
	LoginError string
	// Bundles are in the order of the configuration.
	Bundles []Bundle
}

// Bundle is the status of a bundle. It is comparable.
type Bundle struct {
	Name string
	// Generation is the number of the published generation; 0 if no run of the agent
	// has published anything.
	Generation uint64
	// Published reports whether the files of the current configuration are published,
	// or files of an earlier run that were valid when the agent started.
	Published bool
	// Awaits is what the next generation waits for.
	Awaits Awaits
	Check  Check
	Proof  Proof
	// Owed is how many changes have yet to succeed.
	Owed int
	// Renews is when the first of its secrets is renewed. Tries is when the next request
	// is made, if one that is due is held back. Zero means that there is none.
	Renews, Tries time.Time
	// Expires is when the first of its certificates in use expires, Serial its serial
	// number: the published ones, those that its consumer has yet to exchange for them,
	// and those that a server is seen to serve. Zero means that there is none.
	Expires time.Time
	Serial  string
	// Trouble is what keeps that certificate from being replaced; "" if nothing is
	// known to. AwaitsAnswer is set if it is only that Vault is being asked, Untold if
	// the program to be told of the new one is not there.
	Trouble              string
	AwaitsAnswer, Untold bool
	// Unissued is why a certificate that is due could not be had; "" if none is.
	Unissued string
	// LastError is the last error, and LastErrorAt its time. It is kept after a later
	// success.
	LastError   string
	LastErrorAt time.Time
	// PublishFailed is set if LastError is about the files of the bundle, and not about
	// what they are made of.
	PublishFailed bool
}

// Expired reports whether a certificate in use has expired.
func (b Bundle) Expired(now time.Time) bool { return !b.Expires.IsZero() && !now.Before(b.Expires) }

// good reports whether the bundle is published and none of its certificates has
// expired.
func (b Bundle) good(now time.Time) bool { return b.Published && !b.Expired(now) }

// Awaits is what something waits for.
type Awaits int

// What is waited for.
const (
	Nothing Awaits = iota
	// Vault has not answered yet. It may be down or sealed, which may pass.
	Vault
	// Operator means that Vault refuses, and that an operator has to act.
	Operator
)

// Check is the state of the check of the last generation.
type Check int

// The states of a check.
const (
	NoCheck Check = iota // none is configured
	Unchecked
	Passed
	Vetoed // readers see the generation before, if there was one
)

// Proof is the result of verify.
type Proof int

// The results of verify.
const (
	NoProof Proof = iota // none is configured
	Unproven
	Served
	ServedOld   // a server serves another certificate than the published one
	Unreachable // no server is listening
)
