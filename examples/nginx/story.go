// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/certagent/certagent/logmsg"
)

// story is what certagent's log says about nginx's bundle.
type story struct {
	path, bundle string
	offset       int64  // of the part of the log that was not read yet
	events       string // in order, one letter each
	verified     string // the serial number of the certificate that was verified last
}

// The events, and the text of their lines in certagent's log.
const (
	published  = "p"
	vetoed     = "x"
	rolledBack = "b"
	changed    = "c"
	untold     = "n" // a change whose target is not running
	needless   = "s" // the same, and the target has started since
	verified   = "v"
)

var words = map[string]string{
	published:  " INF " + logmsg.Published + " ",
	vetoed:     " ERR " + logmsg.CheckFailed + " ",
	rolledBack: " WRN " + logmsg.RolledBack + " ",
	changed:    " INF " + logmsg.ChangeDone + " ",
	untold:     " WRN " + logmsg.NobodyTold + " ",
	needless:   " INF " + logmsg.TargetStarted + " ",
	verified:   " INF " + logmsg.Verified + " ",
}

var loggedSerial = regexp.MustCompile(` serial=([0-9a-f:]+) `)

// listen reads what was added to the log and returns the new events.
func (s *story) listen() (news string, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.Seek(s.offset, io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return "", err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1] // the rest is not a whole line yet
	s.offset += int64(len(text))
	for line := range strings.Lines(string(text)) {
		news += s.take(strings.TrimSuffix(line, "\n") + " ")
	}
	s.events += news
	return news, nil
}

// take returns the event of a line, or "" for none.
func (s *story) take(line string) string {
	if !strings.Contains(line, " bundle="+s.bundle+" ") {
		return ""
	}
	for event, text := range words {
		if !strings.Contains(line, text) {
			continue
		}
		if m := loggedSerial.FindStringSubmatch(line); event == verified && m != nil {
			s.verified = m[1]
		}
		return event
	}
	return ""
}
