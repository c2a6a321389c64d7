// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/lmittmann/tint"
)

// newHandler returns a handler that writes complete values in a format.
func newHandler(format string, level slog.Leveler, w io.Writer) slog.Handler {
	if format == "json" {
		handler := slog.NewJSONHandler(jsonWriter{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: asVaultAgent})
		return handler.WithAttrs([]slog.Attr{{Key: "@module", Value: slog.StringValue("agent")}})
	}
	return tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: "2006-01-02T15:04:05.000Z07:00", NoColor: true, ReplaceAttr: complete})
}

// complete is readable for the text form, which would leave out what it takes for an
// escape sequence, or the rest of a value with an invalid byte.
func complete(groups []string, a slog.Attr) slog.Attr {
	a = readable(groups, a)
	if kind := a.Value.Kind(); kind == slog.KindString || kind == slog.KindAny && a.Key != slog.LevelKey {
		text := a.Value.String()
		if escaped := escape(text, func(r rune) bool { return r != 0x1b && r != 0x9b }); escaped != text {
			a.Value = slog.StringValue(escaped)
		}
	}
	return a
}

// asVaultAgent is readable with the keys, the level and the time of Vault Agent's JSON
// log, so that pipelines and alerts go on working.
func asVaultAgent(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return readable(groups, a)
	}
	switch a.Key {
	case slog.TimeKey:
		a.Key, a.Value = "@timestamp", slog.StringValue(a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
	case slog.LevelKey:
		a.Key, a.Value = "@level", slog.StringValue(strings.ToLower(readable(groups, a).Value.String()))
	case slog.MessageKey:
		a.Key = "@message"
	default:
		return readable(groups, a)
	}
	return a
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
