// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// levelTrace is Vault Agent's lowest level.
const levelTrace = slog.LevelDebug - 4

// levels are Vault Agent's names for log levels.
var levels = map[string]slog.Level{
	"trace": levelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// newLogger returns the logger that the configuration asks for, and its level,
// which can be changed while it is in use. It writes to standard error and, if file is
// not nil, to that, each even if the other one fails. On a terminal the log has the
// terminal's form; JSON is the same everywhere.
func newLogger(cfg config.Log, standard *os.File, file io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(levels[cfg.Level])
	handler := newHandler(cfg.Format, level, standard)
	if cfg.Format != "json" && isTerminal(standard) {
		handler = newTerminalHandler(standard, level, wantsColour(), widthOf(standard))
	}
	if file != nil {
		handler = slog.NewMultiHandler(handler, newHandler(cfg.Format, level, file))
	}
	logger := slog.New(handler)
	log.SetFlags(0)
	log.SetOutput(bridge{logger})
	return logger, level
}

// newHandler returns a handler that writes complete values in a format.
func newHandler(format string, level slog.Leveler, w io.Writer) slog.Handler {
	if format == "json" {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: readable})
	}
	return tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "2006-01-02T15:04:05.000Z07:00", NoColor: true, ReplaceAttr: readable})
}

// readable names the trace level, and writes errors and durations as text, also in
// JSON, where they would be {} and a number of nanoseconds.
func readable(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.LevelKey && len(groups) == 0 {
		if level, ok := a.Value.Any().(slog.Level); ok && level == levelTrace {
			return slog.String(slog.LevelKey, "TRACE")
		}
	}
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	if err, ok := a.Value.Any().(error); ok {
		a.Value = slog.StringValue(err.Error())
	}
	return a
}

// bridge forwards what libraries write to the standard logger, as "[LEVEL] text", to
// certagent's logger.
type bridge struct{ logger *slog.Logger }

func (b bridge) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(bytes.TrimSpace(line)))
	level := slog.LevelDebug
	if name, rest, ok := strings.Cut(strings.TrimPrefix(text, "["), "]"); ok && strings.HasPrefix(text, "[") {
		if l, known := levels[strings.ToLower(strings.TrimPrefix(name, "ERR"))]; known {
			level = l
		} else if name == "ERR" {
			level = slog.LevelError
		}
		text = strings.TrimSpace(rest)
	}
	b.logger.Log(context.Background(), level, logmsg.LibraryMessage, logkey.Text, text)
	return len(line), nil
}

// openLog opens log_file. It returns nil if that is not set.
func openLog(cfg config.Log) (io.WriteCloser, error) {
	if cfg.File == "" {
		return nil, nil
	}
	return openLogFile(cfg.File, int64(cfg.RotateBytes), cfg.RotateDuration, cfg.RotateMaxFiles, time.Now)
}
