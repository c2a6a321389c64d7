// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// parseSignal returns the signal with a name that SignalName returned.
func parseSignal(t testing.TB, name string) syscall.Signal {
	t.Helper()
	if offset, realtime := strings.CutPrefix(name, "SIGRTMIN+"); realtime {
		n, err := strconv.Atoi(offset)
		if err != nil || syscall.Signal(n) > lastSignal-firstRealtime {
			t.Fatalf("no signal is called %q", name)
		}
		return firstRealtime + syscall.Signal(n)
	}
	sig := unix.SignalNum(name)
	if sig == 0 {
		t.Fatalf("no signal is called %q", name)
	}
	return sig
}

func TestSignalNames(t *testing.T) {
	t.Parallel()
	for _, sig := range Forwardable() {
		name := SignalName(sig.(syscall.Signal))
		if got := parseSignal(t, name); got != sig {
			t.Errorf("%d is called %q, which is %d", sig, name, got)
		}
	}
}

func TestRewrites(t *testing.T) {
	t.Parallel()
	r := Rewrites{15: 3, 2: 3, 28: 0, 10: 0, 1: 9, 37: 15}
	for _, tt := range []struct {
		from, to syscall.Signal
		sent     bool
	}{
		{syscall.SIGTERM, syscall.SIGQUIT, true},
		{syscall.SIGQUIT, syscall.SIGQUIT, true}, // the result is not rewritten again
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
		{30 * s, 500 * time.Millisecond, 400 * time.Millisecond}, // something is always left
		{0, 5 * s, 0},
	} {
		if got := BoundKillTimeout(tt.killTimeout, tt.patience); got != tt.want {
			t.Errorf("%v within %v: got %v, want %v", tt.killTimeout, tt.patience, got, tt.want)
		}
	}
}
