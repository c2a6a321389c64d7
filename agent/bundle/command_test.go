// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/certagent/certagent/logkey"
)

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 10, ""},
		{"\n \n\n", 10, ""},
		{"one\n", 10, "one"},
		{"one\ntwo\n", 10, "one; two"},
		{"one\r\n\ntwo", 8, "one; two"},
		{"one\ntwo\nthree", 10, "two; three"},
		{"one\ntwo\nthree", 9, "three"},
		{"one\na longer line", 4, "…line"},
		{"a line of ü", 1, "…"}, // half a rune
	} {
		if got := lastLines(c.text, c.n); got != c.want {
			t.Errorf("%q in %d bytes: %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

func TestOutputOf(t *testing.T) {
	failed := &commandError{errors.New("exit code 1"), "nginx: [emerg] unknown directive\nnginx: configuration file test failed\n"}
	for _, c := range []struct {
		err  error
		want slog.Attr
	}{
		{errors.New("no command"), slog.Attr{}},
		{&commandError{errors.New("exit code 1"), ""}, slog.Attr{}},
		{failed, slog.String(logkey.Output, "nginx: [emerg] unknown directive; nginx: configuration file test failed")},
		{fmt.Errorf("checking: %w", failed), slog.String(logkey.Output, "nginx: [emerg] unknown directive; nginx: configuration file test failed")},
	} {
		if got := outputOf(c.err); !got.Equal(c.want) {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
	if failed.Error() != "exit code 1" {
		t.Errorf("the error is %q", failed.Error())
	}
}
