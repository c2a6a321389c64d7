// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"testing"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " 10 4711 12 34816 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3"
	tests := []struct {
		name, text string
		want       stat
		ok         bool
	}{
		{"plain", "42 (nginx) S" + rest, stat{'S', 10, 4711, 12, 34816, 987654, 4194560, "nginx"}, true},
		{"a name full of traps", "42 (a) R (b c) Z" + rest, stat{'Z', 10, 4711, 12, 34816, 987654, 4194560, "a) R (b c"}, true},
		{"empty", "", stat{}, false},
		{"no name", "42 nginx S" + rest, stat{}, false},
		{"cut short", "42 (nginx) S 10 4711", stat{}, false},
		{"no number", "42 (nginx) S 10 x 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654", stat{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseStat([]byte(tt.text))
			if (err == nil) != tt.ok || tt.ok && got != tt.want {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestReadStat(t *testing.T) {
	t.Parallel()
	s, err := readStat(os.Getpid())
	if err != nil || !s.alive() || s.group != syscall.Getpgrp() {
		t.Errorf("my own: got %+v, %v", s, err)
	}
	if _, err := readStat(1 << 30); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody's: got %v, want fs.ErrNotExist", err)
	}
}
