// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// command runs the command of a change or of a check. If it succeeds, its output is
// logged; if it fails, the output is part of the error (see outputOf), so that one
// line tells of the failure.
func (b *Bundle) command(ctx context.Context, command []string, timeout, killTimeout time.Duration) error {
	result, err := exec.Run(ctx, exec.Command{
		Args:        command,
		Env:         exec.Environ(b.env.CommandEnv),
		Timeout:     timeout,
		KillTimeout: killTimeout,
	})
	if err != nil {
		return &commandError{err, result.Output}
	}
	if result.Output != "" {
		b.log.Info(logmsg.CommandOutput, logkey.Command, exec.CommandLine(command), logkey.Output, result.Output)
	}
	return nil
}

// commandError is the failure of a command that printed something.
type commandError struct {
	error
	output string
}

func (e *commandError) Unwrap() error { return e.error }

// mostOutput is how many bytes of a failed command's output are logged.
const mostOutput = 300

// outputOf returns the log's attribute for what a failed command printed last. It is
// empty if err is none of a command's, or the command printed nothing.
func outputOf(err error) slog.Attr {
	var failed *commandError
	if !errors.As(err, &failed) {
		return slog.Attr{}
	}
	text := lastLines(failed.output, mostOutput)
	if text == "" {
		return slog.Attr{}
	}
	return slog.String(logkey.Output, text)
}

// lastLines returns as many of the last lines of a text as fit into n bytes, joined to
// one line, and at least the end of the last one. Empty lines are left out.
func lastLines(text string, n int) string {
	const separator = "; "
	joined := ""
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		line := strings.TrimSpace(lines[i])
		switch {
		case line == "":
		case joined == "" && len(line) > n:
			return "…" + strings.ToValidUTF8(line[len(line)-n:], "")
		case joined == "":
			joined = line
		case len(line)+len(separator)+len(joined) > n:
			return joined
		default:
			joined = line + separator + joined
		}
	}
	return joined
}
