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
// which can be changed while it is in use. If standard error is a terminal, and the
// log goes nowhere else, it has the terminal's form; JSON is the same everywhere.
func newLogger(cfg config.Log, w io.Writer, standard *os.File) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(levels[cfg.Level])
	var handler slog.Handler
	switch {
	case cfg.Format == "json":
		handler = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: readable})
	case cfg.File == "" && isTerminal(standard):
		handler = newTerminalHandler(w, level, wantsColour(), widthOf(standard))
	default:
		handler = tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "2006-01-02T15:04:05.000Z07:00", NoColor: true, ReplaceAttr: readable})
	}
	logger := slog.New(handler)
	log.SetFlags(0)
	log.SetOutput(bridge{logger})
	return logger, level
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

// openLog returns the log's writer: standard error, and log_file if it is set.
func openLog(cfg config.Log, standard io.Writer) (io.Writer, io.Closer, error) {
	if cfg.File == "" {
		return standard, io.NopCloser(nil), nil
	}
	f, err := openLogFile(cfg.File, int64(cfg.RotateBytes), cfg.RotateDuration, cfg.RotateMaxFiles, time.Now)
	if err != nil {
		return nil, nil, err
	}
	return both{standard, f}, f, nil
}

// both writes to two places, to each even if the other one fails.
type both struct{ a, b io.Writer }

func (w both) Write(p []byte) (int, error) {
	_, errA := w.a.Write(p)
	n, errB := w.b.Write(p)
	if errB == nil {
		return n, errA
	}
	return n, errB
}
