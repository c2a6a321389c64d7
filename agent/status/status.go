// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package status holds what is known of a running agent at one instant: how far
// its bundles are, what they wait for, and when they renew.
//
// It consists of values: the agent's loops make them, whoever wants to know gets
// a copy, and nothing in it is secret. It asks nobody and decides nothing.
package status

import "time"

// Agent is what is known of an agent.
type Agent struct {
	// Ready is set once every bundle was published and, where that is to be
	// proven, was served, or a set from before that is still valid was. It stays set.
	Ready bool
	// Login says what the login waits for: Nothing as long as it has a token.
	Login Awaits
	// LoginError is why the last attempt to log in failed; "" if it has not.
	LoginError string
	// Bundles are in the order of the configuration.
	Bundles []Bundle
}

// Bundle is what is known of a bundle. Two of them can be compared.
type Bundle struct {
	Name string
	// Generation is the number of what readers see; 0 if no run of the agent has
	// published anything.
	Generation uint64
	// Published says that readers see the answer to the present configuration, or a
	// set from before that was valid when the agent started.
	Published bool
	// Awaits is what is missing for the next generation.
	Awaits Awaits
	Check  Check
	Proof  Proof
	// Owed is how many changes have yet to succeed.
	Owed int
	// Renews is when the first of its secrets that end will be renewed; Expires when
	// the first of its certificates ends. Zero: there is none.
	Renews, Expires time.Time
	// LastError is why something failed last, and LastErrorAt when. It stays when
	// that has been overcome.
	LastError   string
	LastErrorAt time.Time
}

// Awaits is what something waits for.
type Awaits int

// What is waited for.
const (
	Nothing Awaits = iota
	// Vault has not answered yet. It may be down or sealed, and time may heal that.
	Vault
	// Operator has to do something: Vault was asked, and refuses.
	Operator
)

// Check is how far the consumer's own test of what is published is.
type Check int

// How far it is.
const (
	NoCheck Check = iota // none is configured
	Unchecked
	Passed
	Vetoed // the last generation; if there was one before, readers see that one
)

// Proof is how far it is known what is being served.
type Proof int

// How far that is known.
const (
	NoProof Proof = iota // none is configured
	Unproven
	Served
	ServedOld   // another certificate than the published one
	Unreachable // nobody serves any
)
