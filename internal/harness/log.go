// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
)

// Log is what an agent or a program has printed so far. It may be read while it
// is written. Patterns are regular expressions.
type Log struct {
	t  testing.TB
	mu sync.Mutex
	b  bytes.Buffer
}

// NewLog returns an empty log. Its methods end the test that it belongs to.
func NewLog(t testing.TB) *Log { return &Log{t: t} }

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Says waits until the log has a match of the pattern.
func (l *Log) Says(pattern string) {
	l.t.Helper()
	l.SaysTimes(pattern, 1)
}

// SaysTimes waits until the log has n matches of the pattern.
func (l *Log) SaysTimes(pattern string, n int) {
	l.t.Helper()
	expression := regexp.MustCompile(pattern)
	Eventually(l.t, "the log says "+pattern, func() bool { return l.matches(expression, n) >= n })
}

// Count returns how many matches of the pattern the log has.
func (l *Log) Count(pattern string) int { return l.matches(regexp.MustCompile(pattern), -1) }

// matches counts matches up to a limit; -1 is none.
func (l *Log) matches(expression *regexp.Regexp, limit int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(expression.FindAllIndex(l.b.Bytes(), limit))
}
