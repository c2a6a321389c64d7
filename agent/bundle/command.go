// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// command runs the command of a change or of a check, which is told for which bundles it
// runs. What it prints is logged at debug; if it fails, the last line is part of the
// error, and what came before it can be had by outputOf, so that one line of the log
// tells of the failure. Neither shows what the bundle's files hold.
func (b *Bundle) command(ctx context.Context, command []string, timeout, killTimeout time.Duration, all []about) error {
	result, err := exec.Run(ctx, exec.Command{
		Args:        command,
		Env:         exec.Environ(slices.Concat(b.env.CommandEnv, aboutVariables(all))),
		Timeout:     timeout,
		KillTimeout: killTimeout,
	})
	debug := b.log.Enabled(ctx, slog.LevelDebug)
	if result.Output != "" && (err != nil || debug) {
		result.Output = b.secretsHeld(all).hide(result.Output)
		if b.env.Hide != nil {
			result.Output = b.env.Hide(result.Output)
		}
	}
	switch {
	case err != nil:
		if last := lastLine(result.Output); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
		return &commandError{err, result.Output}
	case result.Output != "" && debug:
		b.log.Debug(logmsg.CommandOutput, logkey.Command, exec.CommandLine(command), logkey.Output, result.Output)
	}
	return nil
}

// commandError is the failure of a command that printed something.
type commandError struct {
	error
	output string
}

func (e *commandError) Unwrap() error { return e.error }

const (
	// mostOutput is how many bytes of a failed command's output are logged.
	mostOutput = 300
	// mostOfLine is how many bytes of its last line an error has.
	mostOfLine = 200
)

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

// lastLine returns the last line of a text that is not empty, cut to mostOfLine bytes.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return lastLines(text[strings.LastIndexAny(text, "\r\n")+1:], mostOfLine)
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
