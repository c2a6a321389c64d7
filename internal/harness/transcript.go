// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
)

// Transcript is what an agent or a program has printed so far. It may be read while it
// is written. Patterns are regular expressions.
type Transcript struct {
	t  testing.TB
	mu sync.Mutex
	b  bytes.Buffer
}

// NewTranscript returns an empty transcript. Its methods end the test that it belongs to.
func NewTranscript(t testing.TB) *Transcript { return &Transcript{t: t} }

func (o *Transcript) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *Transcript) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Says waits until the transcript has a match of the pattern.
func (o *Transcript) Says(pattern string) {
	o.t.Helper()
	o.SaysTimes(pattern, 1)
}

// SaysTimes waits until the transcript has n matches of the pattern.
func (o *Transcript) SaysTimes(pattern string, n int) {
	o.t.Helper()
	expression := regexp.MustCompile(pattern)
	Eventually(o.t, "it says "+pattern, func() bool { return o.matches(expression, n) >= n })
}

// Count returns how many matches of the pattern the transcript has.
func (o *Transcript) Count(pattern string) int { return o.matches(regexp.MustCompile(pattern), -1) }

// matches counts matches up to a limit; -1 is none.
func (o *Transcript) matches(expression *regexp.Regexp, limit int) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(expression.FindAllIndex(o.b.Bytes(), limit))
}
