// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package settings_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/settings"
)

func TestRestartDefaults(t *testing.T) {
	t.Parallel()
	const s, min = time.Second, time.Minute
	for _, c := range []struct {
		name string
		got  settings.Restart
		want settings.Restart
	}{
		{"nothing set", settings.Restart{}, settings.Restart{Delay: s, MaxDelay: min, Reset: min}},
		{"all set", settings.Restart{When: settings.Always, Delay: 2 * s, MaxDelay: 3 * s, Reset: 4 * s},
			settings.Restart{When: settings.Always, Delay: 2 * s, MaxDelay: 3 * s, Reset: 4 * s}},
		{"a delay", settings.Restart{Delay: 2 * s}, settings.Restart{Delay: 2 * s, MaxDelay: min, Reset: min}},
		{"a delay above the longest", settings.Restart{Delay: 2 * min}, settings.Restart{Delay: 2 * min, MaxDelay: 2 * min, Reset: 2 * min}},
		{"a longest delay", settings.Restart{MaxDelay: 10 * s}, settings.Restart{Delay: s, MaxDelay: 10 * s, Reset: 10 * s}},
		{"a longest delay below the first", settings.Restart{MaxDelay: s / 2}, settings.Restart{Delay: s / 2, MaxDelay: s / 2, Reset: s / 2}},
	} {
		if got := c.got.WithDefaults(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestRestartWords(t *testing.T) {
	t.Parallel()
	for when, want := range map[settings.RestartWhen]string{settings.Never: "never", settings.OnFailure: "on-failure", settings.Always: "always"} {
		if got := when.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := len(settings.RestartWords()); got != 3 {
		t.Errorf("%d words", got)
	}
}
