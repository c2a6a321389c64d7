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
// then the rest, and last what to do. A line that is too long continues in indented
// rows; a value of several lines follows below.
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

	s := shortener{now: r.Time, width: h.width()}
	s.commands = s.width / 2
	line, columns, below := h.line(r, attrs, s)
	if fit := min(longestCommand(attrs), s.commands) - (columns - s.width); columns > s.width && fit >= minCommand {
		s.commands = fit // a shorter command makes it fit
		line, _, below = h.line(r, attrs, s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, line+"\n"+below)
	return err
}

// line returns the line of a record, how many columns it takes unwrapped, and what
// goes below it.
func (h *terminalHandler) line(r slog.Record, attrs []slog.Attr, s shortener) (line string, columns int, below string) {
	var words wrapper
	words.add(h.paint(faint), r.Time.Local().Format(time.TimeOnly))
	words.add(h.paint(levelColour(r.Level)), " "+levelName(r.Level))
	words.add(nil, " "+printable(r.Message))
	for _, a := range attrs {
		if a.Equal(slog.Attr{}) {
			continue
		}
		label, value := s.shorten(readable(nil, a))
		if strings.Contains(value, "\n") {
			for text := range strings.Lines(value) {
				below += indent + printable(strings.TrimRight(text, "\n")) + "\n"
			}
			label, value = a.Key+":", ""
		}
		if !strings.HasSuffix(label, "=") { // a period stays together
			words.addWord(h.paint(faint), label, printable(value))
			continue
		}
		words.add(h.paint(faint), " "+label)
		words.add(nil, printable(value))
	}
	return words.wrapped(s.width), words.columns(), below
}

// rank orders attributes. Those of equal rank keep their order.
func rank(key string) int {
	switch key {
	case logkey.Bundle, logkey.Child, logkey.Certificate, logkey.Sink, logkey.Command:
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

// paint returns a function that gives a text a colour; nil if there is none.
func (h *terminalHandler) paint(colour string) func(string) string {
	if !h.colour || colour == "" {
		return nil
	}
	return func(text string) string { return colour + text + reset }
}

func levelName(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "ERR"
	case level >= slog.LevelWarn:
		return "WRN"
	case level >= slog.LevelInfo:
		return "INF"
	case level >= slog.LevelDebug:
		return "DBG"
	}
	return "TRC"
}

func levelColour(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return red
	case level >= slog.LevelWarn:
		return yellow
	case level >= slog.LevelInfo:
		return green
	}
	return ""
}
