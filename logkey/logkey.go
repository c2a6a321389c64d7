// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package logkey lists the keys of log attributes. Messages are constant; what
// varies goes into an attribute under one of these keys, so that a log can be
// searched and an alert written without reading the source.
package logkey

import "log/slog"

// The keys. Their words are the project's vocabulary (see ARCHITECTURE.md).
const (
	Address     = "address"     // host:port or URL of a server
	Attempt     = "attempt"     // how many times something was tried, from 1
	Because     = "because"     // what keeps something from being done
	Block       = "block"       // a configuration block, such as template
	Bundle      = "bundle"      // the name of a bundle
	Certificate = "certificate" // a certificate of a bundle, by its first file
	Child       = "child"       // the name of an exec block
	Code        = "code"        // an exit code or an HTTP status
	Command     = "command"     // a command line, without what may be secret
	Destination = "destination" // a file that certagent publishes
	Detail      = "detail"      // what exactly, such as the names that are missing
	Duration    = "duration"    // how long something took
	Error       = "error"       // why something failed
	Expired     = "expired"     // when a certificate ended
	Expires     = "expires"     // when a certificate, lease or token ends
	Files       = "files"       // how many files, or which
	From        = "from"        // where a value comes from, such as VAULT_ADDR
	Generation  = "generation"  // the number of a bundle's generation
	Handshakes  = "handshakes"  // how many TLS handshakes it took
	Hint        = "hint"        // what to do about it
	Left        = "left"        // how long until something ends
	LeftOut     = "left_out"    // how many equal failures were not logged since the last one that was
	Level       = "log_level"   // the level in force
	Lines       = "lines"       // how many lines of the log
	Kept        = "kept"        // how many bundles needed nothing
	Limit       = "limit"       // how often something may happen
	Method      = "method"      // an auth method
	Mode        = "mode"        // a change_mode, or a file's permissions
	Name        = "name"        // the name of the thing spoken of
	Outcome     = "outcome"     // of a verify: verified, served_old, unreachable
	Output      = "output"      // the end of what a command printed
	PID         = "pid"         // a process
	Path        = "path"        // a path in Vault, or a file that is read
	Position    = "position"    // file:line:column in a configuration
	Processes   = "processes"   // numbers and names of processes
	Reason      = "reason"      // why something is done
	Remedy      = "remedy"      // what is done about it
	Renewed     = "renewed"     // how many bundles were published
	Renews      = "renews"      // when a secret will be renewed
	Retry       = "retry"       // how long until the next attempt
	Serial      = "serial"      // a certificate's serial number
	Served      = "served"      // the serial number of the certificate that a server serves
	Signal      = "signal"      // a signal's name
	Skew        = "skew"        // by how much Vault's clock is ahead of this host's
	Since       = "since"       // since when something has been wrong
	Sink        = "sink"        // a token sink's path
	Stalled     = "stalled"     // how long something did not go on
	Started     = "started"     // how many were started
	Stopped     = "stopped"     // how many were stopped
	Text        = "text"        // what somebody else said, such as a library
	Until       = "until"       // when something ends that is held back
	Version     = "version"     // certagent's version
	Writer      = "writer"      // where the log is written to
)

// LeftOutCount returns the attribute for the failures that were left out, which is
// empty if there are none. See logmsg.Repeat.
func LeftOutCount(n int) slog.Attr {
	if n == 0 {
		return slog.Attr{}
	}
	return slog.Int(LeftOut, n)
}
