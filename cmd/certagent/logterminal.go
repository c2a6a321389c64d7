// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/certagent/certagent/logkey"
)

// terminalHandler writes the log for a person who watches it on a terminal: short
// times and serial numbers, relative deadlines, and no more of a long name than
// tells it from others. What the record is about comes first, then why it failed,
// then the rest, and last what to do. Each record is one line, however the terminal
// wraps it; only a value of several lines follows its line, indented.
type terminalHandler struct {
	level  slog.Leveler
	colour bool
	width  func() int // of the terminal, in columns
	attrs  []slog.Attr

	mu *sync.Mutex
	w  io.Writer
}

func newTerminalHandler(w io.Writer, level slog.Leveler, colour bool, width func() int) *terminalHandler {
	return &terminalHandler{level: level, colour: colour, width: width, mu: new(sync.Mutex), w: w}
}

func (h *terminalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

func (h *terminalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(slices.Clone(h.attrs), attrs...)
	return &with
}

// WithGroup has no effect: the log has no groups.
func (h *terminalHandler) WithGroup(string) slog.Handler { return h }

func (h *terminalHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := slices.Clone(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	slices.SortStableFunc(attrs, func(a, b slog.Attr) int { return rank(a.Key) - rank(b.Key) })

	var line, below strings.Builder
	line.WriteString(h.paint(faint, r.Time.Local().Format(time.TimeOnly)))
	line.WriteString(" " + h.paintLevel(r.Level) + " " + printable(r.Message))
	s := shortener{now: r.Time, width: h.width()}
	for _, a := range attrs {
		if a.Equal(slog.Attr{}) {
			continue
		}
		label, value := s.shorten(readable(nil, a))
		if strings.Contains(value, "\n") {
			for text := range strings.Lines(value) {
				below.WriteString("    " + printable(strings.TrimRight(text, "\n")) + "\n")
			}
			label, value = a.Key+": ", "see below"
		}
		line.WriteString(" " + h.paint(faint, label) + printable(value))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line.String()+"\n"+below.String())
	return err
}

// rank orders attributes. Those of equal rank keep their order.
func rank(key string) int {
	switch key {
	case logkey.Bundle, logkey.Child, logkey.Certificate, logkey.Sink:
		return 0
	case logkey.Error:
		return 1
	case logkey.Output:
		return 2
	case logkey.Hint:
		return 4
	}
	return 3
}

// The colours of the log's standard form.
const (
	faint  = "\x1b[2m"
	red    = "\x1b[91m"
	yellow = "\x1b[93m"
	green  = "\x1b[92m"
	reset  = "\x1b[0m"
)

func (h *terminalHandler) paint(colour, text string) string {
	if !h.colour || colour == "" {
		return text
	}
	return colour + text + reset
}

func (h *terminalHandler) paintLevel(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return h.paint(red, "ERR")
	case level >= slog.LevelWarn:
		return h.paint(yellow, "WRN")
	case level >= slog.LevelInfo:
		return h.paint(green, "INF")
	case level >= slog.LevelDebug:
		return "DBG"
	}
	return "TRC"
}
