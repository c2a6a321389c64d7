// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

// The kinds of events.
const (
	started = "started" // a service is listening
	called  = "called"  // a call to the other service was answered
	failed  = "failed"  // a call failed
)

// event is a line that service.py printed. Any other line becomes an event of an
// unknown kind, with the line as its error.
type event struct {
	Event   string
	Service string
	PID     int

	// Of a call: the answer, and the callee's certificate.
	Attempts int
	Answer   struct {
		Service      string
		Caller       string // the name in the certificate that the callee saw
		CallerSerial string `json:"caller_serial"`
	}
	Serial string
	Error  string
}
