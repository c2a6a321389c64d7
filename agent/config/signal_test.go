// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"syscall"
	"testing"

	"github.com/certagent/certagent/agent/config/hclread"
)

func TestSignalNamed(t *testing.T) {
	t.Parallel()
	const unknown = -1
	for text, want := range map[string]syscall.Signal{
		"SIGTERM": syscall.SIGTERM, "sigterm": syscall.SIGTERM, "15": 15, "0": 0, "64": 64,
		"SIGIOT": syscall.SIGABRT, "SIGPWR": syscall.SIGPWR, "SIGCHLD": syscall.SIGCHLD, "SIGNULL": 0,
		"SIGRTMIN": 34, "SIGRTMIN+3": 37, "sigrtmin+30": 64, "SIGRTMAX": 64, "SIGRTMAX-1": 63, "SIGRTMAX-30": 34,
		"": unknown, "TERM": unknown, "SIG": unknown, "SIGFOO": unknown, "SIGTERM ": unknown, "65": unknown, "-1": unknown, "300": unknown,
		"SIGRTMIN+31": unknown, "SIGRTMIN-1": unknown, "SIGRTMAX+1": unknown, "SIGRTMAX-31": unknown, "SIGRTMIN3": unknown,
		"SIGRTMIN+": unknown, "SIGRTMIN++1": unknown, "SIGRTMIN+9223372036854775807": unknown, "RTMIN+1": unknown,
	} {
		got, known := signalNamed(text)
		if known != (want != unknown) || known && got != want {
			t.Errorf("%q: got %d, %v", text, got, known)
		}
	}
}

// Every signal that a process can handle is forwarded, or refused because it is
// for certagent itself.
func TestForwardedSignals(t *testing.T) {
	t.Parallel()
	forwarded := 0
	for sig := syscall.Signal(1); sig <= lastSignal; sig++ {
		var problems Problems
		it := hclread.Item{Name: strconv.Itoa(int(sig)), Value: hclread.Value{Kind: hclread.Integer, Int: int64(syscall.SIGUSR1)}}
		s := &scope{reader: &reader{src: hclread.NewSource("a.hcl", nil), problems: &problems}, items: []hclread.Item{
			{Name: "signals", Value: hclread.Value{Kind: hclread.Block, Object: &hclread.Object{Items: []hclread.Item{it}}}},
		}}
		rewrites := readSignals(s)
		if (len(rewrites) == 1) == (len(problems) == 1) {
			t.Errorf("%v: %v, %v", sig, rewrites, problems)
		}
		forwarded += len(rewrites)
	}
	// Of 64 signals, two cannot be caught and 17 are for certagent itself.
	if forwarded != 45 {
		t.Errorf("%d signals are forwarded", forwarded)
	}
}
