// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import "time"

// The pause after a handshake without the wanted certificate. It is short at first,
// because a reload takes some tenths of a second.
const (
	firstPause = 25 * time.Millisecond
	lastPause  = time.Second
)

// maxStrictness limits the factor by which relapses raise the requirements.
const maxStrictness = 8

// attempt is one handshake: when it began, when it ended, and which certificate it got.
type attempt struct {
	begun, ended time.Time
	fingerprint  string // of the served leaf; empty if the handshake failed
}

// judge decides from the handshakes with one target, in their order, whether the target
// serves the wanted certificate, and how long to wait before the next handshake. It
// uses neither the clock nor the network.
type judge struct {
	want   string
	hits   int           // the required number of successes in a row
	spread time.Duration // the required time between the first and the last of them

	run    int       // successes in a row so far
	since  time.Time // when the first of them had ended
	misses int       // handshakes without the wanted certificate, in total
	old    bool      // whether another certificate was seen
	// strictness is the factor for hits and spread. It doubles when another certificate
	// is seen after the wanted one: some processes of the server serve one, some the
	// other, and a few successes in a row are chance. Zero means 1.
	strictness int
}

// add records a handshake.
func (j *judge) add(l attempt) {
	switch {
	case l.fingerprint == j.want:
		if j.run == 0 {
			j.since = l.ended
		}
		j.run++
		return
	case l.fingerprint != "":
		if j.run > 0 {
			j.strictness = min(2*max(j.strictness, 1), maxStrictness)
		}
		j.old = true
	}
	j.run = 0
	j.misses++
}

// demand returns the requirements for the current run of successes.
func (j *judge) demand() (hits int, spread time.Duration) {
	doubt := max(j.strictness, 1)
	return doubt * j.hits, time.Duration(doubt) * j.spread
}

// proven reports whether the last recorded handshake has completed the proof.
func (j *judge) proven(last attempt) bool {
	hits, spread := j.demand()
	// From the end of the first handshake to the beginning of the last one: it is not
	// known when during a slow handshake the server chose the certificate.
	return j.run >= hits && last.begun.Sub(j.since) >= spread
}

// pause returns how long to wait before the next handshake. If all of them succeed, no
// more are made than required.
func (j *judge) pause() time.Duration {
	if j.run > 0 {
		hits, spread := j.demand()
		gaps := time.Duration(max(hits-1, 1))
		return (spread + gaps - 1) / gaps // rounded up
	}
	if doublings := j.misses - 1; doublings < 6 {
		return min(firstPause<<doublings, lastPause)
	}
	return lastPause
}

// outcome returns the verdict if there are no further handshakes.
func (j *judge) outcome(proven bool) Outcome {
	switch {
	case proven:
		return Verified
	case j.old:
		return ServedOld
	default:
		return Unreachable
	}
}
