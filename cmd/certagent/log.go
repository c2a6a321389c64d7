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
	"sync"
	"time"

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

// flushTime is how long the end waits for the writers of the log.
const flushTime = time.Second

// logs is the log and what writes it. No loop ever waits for a writer: each has a
// queue.
type logs struct {
	*slog.Logger
	level  *slog.LevelVar // can be changed while the log is in use
	queues []*logQueue    // the first one is that of standard error or output
	file   *logFile       // nil without log_file
}

// inOrder is a handler that takes one record at a time, so that every writer gets them in
// the same order.
type inOrder struct {
	slog.Handler
	mu *sync.Mutex
}

func (h inOrder) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.Handler.Handle(ctx, r)
}

func (h inOrder) WithAttrs(attributes []slog.Attr) slog.Handler {
	return inOrder{h.Handler.WithAttrs(attributes), h.mu}
}

func (h inOrder) WithGroup(name string) slog.Handler {
	return inOrder{h.Handler.WithGroup(name), h.mu}
}

// newLogs returns the log that the configuration asks for. It writes to a
// standard file and, if file is not nil, to that, each even if the other one fails or stands still.
// On a terminal the log has the terminal's form; JSON is the same everywhere.
func newLogs(cfg config.Log, standard *os.File, file *logFile) *logs {
	l := &logs{level: new(slog.LevelVar), file: file}
	l.level.Set(levels[cfg.Level])
	plain := func(level slog.Leveler, w io.Writer) slog.Handler { return newHandler(cfg.Format, level, w) }
	form := plain
	if cfg.Format != "json" && isTerminal(standard) {
		colour, width := wantsColour(), widthOf(standard)
		form = func(level slog.Leveler, w io.Writer) slog.Handler { return newTerminalHandler(w, level, colour, width) }
	}
	handler := l.queue(steady{standard}, standard.Name(), form)
	if file != nil {
		handler = inOrder{slog.NewMultiHandler(handler, l.queue(file, file.path(), plain)), new(sync.Mutex)}
		file.rotated = func(err error) { l.Logger.Error(logmsg.LogNotRotated, logkey.Writer, file.path(), logkey.Error, err) }
	}
	l.Logger = slog.New(handler)
	for _, q := range l.queues {
		q.start()
	}
	log.SetFlags(0)
	log.SetOutput(bridge{l.Logger})
	return l
}

// queue returns a handler that writes to w through a queue.
func (l *logs) queue(w io.Writer, name string, form func(slog.Leveler, io.Writer) slog.Handler) slog.Handler {
	q := newLogQueue(w, queueLimit)
	q.tell = func(missing loss) []byte {
		var line bytes.Buffer
		logger := slog.New(form(slog.LevelWarn, &line)) // also at level error: errors may be among the lost
		logger.Warn(logmsg.LinesLost, logkey.Writer, name, logkey.Lines, missing.lines, logkey.Stalled, missing.stalled.Round(time.Millisecond))
		return line.Bytes()
	}
	q.failed = func(err error) { l.Logger.Error(logmsg.LogNotWritten, logkey.Writer, name, logkey.Error, err) }
	l.queues = append(l.queues, q)
	return form(l.level, q)
}

// complain prints an error and a hint where the log goes to, after its lines.
func (l *logs) complain(message, hint string) { complain(l.queues[0], message, hint) }

// close waits up to flushTime until the log is written. Later lines are dropped.
func (l *logs) close() {
	over := time.NewTimer(flushTime)
	defer over.Stop()
	for i, q := range l.queues {
		switch written := q.close(over.C); {
		case !written:
			over.Reset(0) // for the others
		case i > 0:
			_ = l.file.Close() // the lines are written; nobody is left to tell
		}
	}
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
func openLog(cfg config.Log) (*logFile, error) {
	if cfg.File == "" {
		return nil, nil
	}
	return openLogFile(cfg.File, int64(cfg.RotateBytes), cfg.RotateDuration, cfg.RotateMaxFiles, time.Now)
}
