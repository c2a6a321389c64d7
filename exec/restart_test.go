// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"testing"
	"time"

	"github.com/certagent/certagent/settings"
)

func TestWhatIsStartedAgain(t *testing.T) {
	t.Parallel()
	lenient := []int{3, 143}
	for _, tt := range []struct {
		name                     string
		exit                     Exit
		success                  []int
		never, onFailure, always bool
		code                     int
	}{
		{"success", Exit{}, nil, false, false, true, 0},
		{"a failure", Exit{Code: 1}, nil, false, true, true, 1},
		{"the highest code", Exit{Code: 255}, nil, false, true, true, 255},
		{"SIGTERM", Exit{Code: 143, Signal: 15}, nil, false, true, true, 143},
		{"SIGKILL", Exit{Code: 137, Signal: 9}, lenient, false, true, true, 137},
		{"a code that is a success", Exit{Code: 3}, lenient, false, false, true, 0},
		{"a signal that is a success", Exit{Code: 143, Signal: 15}, lenient, false, false, true, 0},
		{"a failure beside successes", Exit{Code: 4}, lenient, false, true, true, 4},
		{"success beside successes", Exit{}, lenient, false, false, true, 0},
		{"it could not be started", Exit{Code: 127}, nil, false, true, true, 127},
		{"nobody knows", Exit{Code: 1, Err: errors.New("lost")}, []int{1}, false, true, true, 1},
	} {
		for _, p := range []struct {
			restart settings.RestartWhen
			want    bool
		}{{settings.Never, tt.never}, {settings.OnFailure, tt.onFailure}, {settings.Always, tt.always}} {
			policy := RestartPolicy{Restart: settings.Restart{When: p.restart}, Success: tt.success}
			next := policy.After(tt.exit, 0, 0)
			if next.Restart != p.want {
				t.Errorf("%s, policy %d: restart %t", tt.name, p.restart, next.Restart)
			}
			if !next.Restart && next != (Next{}) {
				t.Errorf("%s, policy %d: no restart, but %+v", tt.name, p.restart, next)
			}
			if got := policy.Code(tt.exit); got != tt.code {
				t.Errorf("%s: hands on %d, want %d", tt.name, got, tt.code)
			}
		}
	}
}

// Each code alone, and all codes but that one.
func TestCodesThatCountAsSuccess(t *testing.T) {
	t.Parallel()
	for code := range 256 {
		including := RestartPolicy{Success: []int{code}}
		if got := including.Code(Exit{Code: code}); got != 0 {
			t.Errorf("%d is a success, but %d is handed on", code, got)
		}
		var excluding RestartPolicy
		for other := range 256 {
			if other != code {
				excluding.Success = append(excluding.Success, other)
			}
		}
		if got := excluding.Code(Exit{Code: code}); got != code {
			t.Errorf("%d is no success, but %d is handed on", code, got)
		}
	}
}

func TestDelayBeforeARestart(t *testing.T) {
	t.Parallel()
	const ms, s, min = time.Millisecond, time.Second, time.Minute
	day := 24 * time.Hour
	defaults := RestartPolicy{Restart: settings.Restart{When: settings.Always}}
	quick := RestartPolicy{Restart: settings.Restart{When: settings.Always, Delay: 100 * ms, MaxDelay: 350 * ms, Reset: 10 * s}}
	for _, tt := range []struct {
		name     string
		policy   RestartPolicy
		lived    time.Duration
		restarts int
		random   float64
		delay    time.Duration
		attempt  int
	}{
		{"the first", defaults, 0, 0, 0, 500 * ms, 1},
		{"the first at most", defaults, 0, 0, 1, s, 1},
		{"the second", defaults, 0, 1, 1, 2 * s, 2},
		{"the second at least", defaults, 0, 1, 0, s, 2},
		{"the sixth", defaults, 0, 5, 1, 32 * s, 6},
		{"the cap", defaults, 0, 6, 1, min, 7},
		{"the cap at least", defaults, 0, 6, 0, 30 * s, 7},
		{"the cap for ever", defaults, 0, 1 << 40, 1, min, 1<<40 + 1},
		{"just not settled", defaults, min - 1, 6, 1, min, 7},
		{"settled", defaults, min, 6, 1, s, 1},
		{"settled for long", defaults, day, 6, 0, 500 * ms, 1},
		{"own bounds", quick, 0, 0, 1, 100 * ms, 1},
		{"own bounds, doubled", quick, 0, 1, 1, 200 * ms, 2},
		{"own bounds, capped", quick, 0, 2, 1, 350 * ms, 3},
		{"own time to settle", quick, 10 * s, 2, 1, 100 * ms, 1},
		{"own time to settle, not over", quick, 10*s - 1, 2, 1, 350 * ms, 3},
		{"a long first delay", RestartPolicy{Restart: settings.Restart{When: settings.Always, Delay: 5 * min}}, 0, 3, 1, 5 * min, 4},
		{"the wrong way round", RestartPolicy{Restart: settings.Restart{When: settings.Always, Delay: min, MaxDelay: s}}, 0, 0, 1, s, 1},
		{"the longest of all", RestartPolicy{Restart: settings.Restart{When: settings.Always, MaxDelay: 1<<63 - 1}}, 0, 200, 0, 1<<62 - 1, 201},
	} {
		next := tt.policy.After(Exit{Code: 1, Lived: tt.lived}, tt.restarts, tt.random)
		if want := (Next{Restart: true, Delay: tt.delay, Attempt: tt.attempt}); next != want {
			t.Errorf("%s: got %+v, want %+v", tt.name, next, want)
		}
	}
}
