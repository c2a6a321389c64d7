// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestParseSignal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]syscall.Signal{
		"TERM": 15, "SIGTERM": 15, "term": 15, "sigquit": 3, "15": 15, "1": 1, "64": 64, "WINCH": 28,
		"RTMIN": 34, "SIGRTMIN+3": 37, "rtmin+30": 64, "RTMAX": 64, "RTMAX-1": 63, "SIGRTMAX-30": 34,
	} {
		if got, err := ParseSignal(text); got != want || err != nil {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "SIG", "0", "65", "-1", "+15", "1.5", "SIG15", " TERM", "TERM ", "NOSUCH", "SIGSIGTERM",
		"RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMAX-31", "RTMIN+x", "RTMIN+", "RTMIN1", "RTMIN+-1", "99999999999999999999"} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		} else if want := "unknown signal " + `"` + text + `"`; err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestSignalNames(t *testing.T) {
	t.Parallel()
	for _, sig := range Forwardable() {
		name := SignalName(sig.(syscall.Signal))
		if got, err := ParseSignal(name); got != sig || err != nil {
			t.Errorf("%d is called %q, which is %d, %v", sig, name, got, err)
		}
	}
}

func TestRewrites(t *testing.T) {
	t.Parallel()
	r := Rewrites{}
	for _, pair := range [][2]string{{"TERM", "QUIT"}, {"2", "3"}, {"sigwinch", "0"}, {"USR1", ""}, {"HUP", "KILL"}, {"RTMIN+3", "TERM"}} {
		if err := r.Add(pair[0], pair[1]); err != nil {
			t.Errorf("%v: %v", pair, err)
		}
	}
	want := Rewrites{15: 3, 2: 3, 28: 0, 10: 0, 1: 9, 37: 15}
	if !maps.Equal(r, want) {
		t.Errorf("got %v, want %v", r, want)
	}
	for _, tt := range []struct {
		from, to syscall.Signal
		sent     bool
	}{
		{syscall.SIGTERM, syscall.SIGQUIT, true},
		{syscall.SIGQUIT, syscall.SIGQUIT, true}, // what comes of a rewriting is not rewritten
		{syscall.SIGUSR2, syscall.SIGUSR2, true},
		{syscall.SIGWINCH, 0, false},
		{syscall.SIGUSR1, 0, false},
		{syscall.SIGHUP, syscall.SIGKILL, true},
		{syscall.SIGCHLD, syscall.SIGCHLD, false},
		{syscall.SIGPIPE, syscall.SIGPIPE, false},
	} {
		if got, sent := r.Of(tt.from); got != tt.to || sent != tt.sent {
			t.Errorf("%v: got %v, %t, want %v, %t", tt.from, got, sent, tt.to, tt.sent)
		}
	}
	var none Rewrites
	if got, sent := none.Of(syscall.SIGTERM); got != syscall.SIGTERM || !sent {
		t.Errorf("without rewritings: got %v, %t", got, sent)
	}
}

func TestRewritesRefuse(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]string{
		{"", "TERM"}:     `unknown signal ""`,
		{"x", "TERM"}:    `unknown signal "x"`,
		{"0", "TERM"}:    `unknown signal "0"`,
		{"100", "TERM"}:  `unknown signal "100"`,
		{"TERM", "x"}:    `unknown signal "x"`,
		{"TERM", "-1"}:   `unknown signal "-1"`,
		{"KILL", "TERM"}: `SIGKILL is never sent on to a child`,
		{"CHLD", "TERM"}: `SIGCHLD is never sent on to a child`,
		{"INT", "TERM"}:  `SIGINT is rewritten twice`,
	} {
		r := Rewrites{syscall.SIGINT: syscall.SIGQUIT}
		if err := r.Add(pair[0], pair[1]); err == nil || err.Error() != want {
			t.Errorf("%v: got %v, want %s", pair, err, want)
		}
		if !slices.Equal(slices.Collect(maps.Keys(r)), []syscall.Signal{syscall.SIGINT}) {
			t.Errorf("%v: was added all the same", pair)
		}
	}
}

func TestBoundKillTimeout(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, tt := range []struct{ killTimeout, patience, want time.Duration }{
		{30 * s, 0, 30 * s},
		{30 * s, -1, 30 * s},
		{30 * s, 5 * s, 4 * s},   // Nomad
		{30 * s, 10 * s, 9 * s},  // docker stop
		{30 * s, 90 * s, 30 * s}, // systemd
		{2 * s, 5 * s, 2 * s},    // fits
		{4 * s, 5 * s, 4 * s},    // just fits
		{30 * s, 500 * time.Millisecond, 400 * time.Millisecond}, // there is always something left
		{0, 5 * s, 0},
	} {
		if got := BoundKillTimeout(tt.killTimeout, tt.patience); got != tt.want {
			t.Errorf("%v within %v: got %v, want %v", tt.killTimeout, tt.patience, got, tt.want)
		}
	}
}
