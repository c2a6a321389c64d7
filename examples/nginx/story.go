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

// story is what certagent's log tells of nginx's bundle.
type story struct {
	path, bundle string
	offset       int64  // of what is new in the log
	events       string // in order, a letter each
	verified     string // the serial number of the certificate that was last proven to be served
}

// The events, and the words with which certagent's log tells of them.
const (
	published  = "p"
	vetoed     = "x"
	rolledBack = "b"
	changed    = "c"
	needless   = "n" // a change whose target does not run
	verified   = "v"
)

var words = map[string]string{
	published:  " INF " + logmsg.Published + " ",
	vetoed:     " ERR " + logmsg.CheckFailed + " ",
	rolledBack: " WRN " + logmsg.RolledBack + " ",
	changed:    " INF " + logmsg.ChangeDone + " ",
	needless:   " INF " + logmsg.ChangeNotNeeded + " ",
	verified:   " INF " + logmsg.Verified + " ",
}

var loggedSerial = regexp.MustCompile(` serial=([0-9a-f:]+) `)

// listen takes in what is new in the log and returns the events that this adds.
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
	text = text[:bytes.LastIndexByte(text, '\n')+1] // what follows is not a whole line yet
	s.offset += int64(len(text))
	for line := range strings.Lines(string(text)) {
		news += s.take(strings.TrimSuffix(line, "\n") + " ")
	}
	s.events += news
	return news, nil
}

// take returns the event that a line tells of; "" for none.
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
