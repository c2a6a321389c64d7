// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import "time"

// The pause after a handshake that did not show the wanted certificate: a reload
// takes some tenths of a second, so the first ones come quickly.
const (
	firstPause = 25 * time.Millisecond
	lastPause  = time.Second
)

// maxDoubt bounds by how much relapses multiply what is demanded.
const maxDoubt = 8

// look is one handshake: when it was begun, when it ended, and what it showed.
type look struct {
	begun, ended time.Time
	fingerprint  string // of the served leaf; empty if the handshake failed
}

// judge decides from one target's handshakes, in their order, whether the wanted
// certificate is being served, and how long to wait before the next one. It
// knows neither clock nor network.
type judge struct {
	want   string
	hits   int           // so many in a row that showed the wanted certificate
	spread time.Duration // and so far apart the first and the last of them

	run    int       // those in a row until now
	since  time.Time // when the first of the run had ended
	misses int       // those that did not show it, in all
	old    bool      // another certificate was seen
	// doubt multiplies what is demanded. It doubles when another certificate
	// is seen after the wanted one: the server has processes that serve the one
	// and processes that serve the other, and a short run is chance. Zero means 1.
	doubt int
}

// take notes a handshake.
func (j *judge) take(l look) {
	switch {
	case l.fingerprint == j.want:
		if j.run == 0 {
			j.since = l.ended
		}
		j.run++
		return
	case l.fingerprint != "":
		if j.run > 0 {
			j.doubt = min(2*max(j.doubt, 1), maxDoubt)
		}
		j.old = true
	}
	j.run = 0
	j.misses++
}

// demand returns what a run has to be.
func (j *judge) demand() (hits int, spread time.Duration) {
	doubt := max(j.doubt, 1)
	return doubt * j.hits, time.Duration(doubt) * j.spread
}

// proven reports whether the handshake that was taken last completed the proof.
func (j *judge) proven(last look) bool {
	hits, spread := j.demand()
	// From the first one's end to the last one's beginning: a slow handshake
	// adds nothing, for nobody knows when in its course the server chose.
	return j.run >= hits && last.begun.Sub(j.since) >= spread
}

// pause returns how long to wait before the next handshake. A run that succeeds
// needs no more of them than are demanded.
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

// outcome is the verdict if no further handshake comes.
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
