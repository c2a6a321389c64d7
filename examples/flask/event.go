// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

// The kinds of events.
const (
	started = "started" // a service listens
	called  = "called"  // a call to the other service was answered
	failed  = "failed"  // it was not
)

// event is a line that service.py prints; any other line is an event of no known
// kind with the line as its error.
type event struct {
	Event   string
	Service string
	PID     int

	// Of a call: what the callee said, and the certificate that it showed.
	Attempts int
	Answer   struct {
		Service      string
		Caller       string // the name in the certificate that the callee saw
		CallerSerial string `json:"caller_serial"`
	}
	Serial string
	Error  string
}
