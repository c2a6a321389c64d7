// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/certagent/certagent/logkey"
)

// shortener gives values the form in which a person reads them.
type shortener struct {
	now      time.Time
	width    int // of the terminal
	commands int // the most columns that a command takes
}

// shorten returns what stands before a value, and the value.
func (s shortener) shorten(a slog.Attr) (label, value string) {
	value = strings.TrimRight(a.Value.String(), "\n")
	switch a.Key {
	case logkey.Expires, logkey.Renews:
		at, ok := instant(a.Value)
		switch d := at.Sub(s.now); {
		case !ok: // never
			return a.Key + " ", value
		case d < 0 && a.Key == logkey.Expires:
			return "expired ", period(-d) + " ago"
		case d < 0:
			return a.Key + " ", "now"
		default:
			return a.Key + " in ", period(d)
		}
	case logkey.Retry:
		if d, err := time.ParseDuration(value); err == nil {
			return a.Key + " in ", period(d)
		}
	case logkey.Duration:
		if d, err := time.ParseDuration(value); err == nil {
			return "took ", period(d)
		}
	case logkey.Serial, logkey.Served:
		value = shortSerial(value)
	case logkey.Bundle, logkey.Certificate, logkey.Sink:
		value = shortPath(value, s.width/4)
	case logkey.Files:
		if paths, ok := a.Value.Any().([]string); ok {
			var short []string
			for _, path := range paths {
				short = append(short, shortPath(path, s.width/4))
			}
			value = strings.Join(short, ",")
		}
	case logkey.Command, logkey.Mode:
		value = cut(value, s.commands)
	}
	return a.Key + "=", quoted(value)
}

// minCommand is how many columns a command takes at least.
const minCommand = 16

// longestCommand returns how many columns the longest command takes.
func longestCommand(attrs []slog.Attr) int {
	longest := 0
	for _, a := range attrs {
		if a.Key == logkey.Command || a.Key == logkey.Mode {
			longest = max(longest, utf8.RuneCountInString(a.Value.String()))
		}
	}
	return longest
}

// instant returns the time that a value is or spells.
func instant(v slog.Value) (time.Time, bool) {
	if v.Kind() == slog.KindTime {
		return v.Time(), true
	}
	at, err := time.Parse(time.RFC3339, v.String())
	return at, err == nil
}

// period returns a duration in one unit, or in two if the first one is small.
func period(d time.Duration) string {
	const day = 24 * time.Hour
	if d = round(d); d < time.Minute {
		return d.String()
	}
	switch {
	case d < time.Hour:
		return units(d, time.Minute, "m", time.Second, "s")
	case d < day:
		return units(d, time.Hour, "h", time.Minute, "m")
	}
	return units(d, day, "d", time.Hour, "h")
}

// round drops what a person does not need to know about a duration.
func round(d time.Duration) time.Duration {
	for _, step := range []struct{ below, to time.Duration }{
		{time.Second, time.Millisecond},
		{10 * time.Second, 100 * time.Millisecond},
		{time.Minute, time.Second},
		{10 * time.Minute, time.Second},
		{24 * time.Hour, time.Minute},
		{10 * 24 * time.Hour, time.Hour},
	} {
		if d < step.below {
			return d.Round(step.to)
		}
	}
	return d.Round(24 * time.Hour)
}

func units(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d%s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d%s", rest, smallName)
	}
	return text
}

// shortSerial returns the first and the last two bytes of a serial number.
func shortSerial(serial string) string {
	const end = len("00:00")
	if len(serial) <= 2*end+len(":00:") {
		return serial
	}
	return serial[:end] + "…" + serial[len(serial)-end:]
}

// shortPath returns the end of a path that is longer than n columns: as many
// elements as fit, but at least the last one.
func shortPath(path string, n int) string {
	if utf8.RuneCountInString(path) <= n || !strings.Contains(path, "/") {
		return path
	}
	elements := strings.Split(path, "/")
	short := elements[len(elements)-1]
	for _, element := range slices.Backward(elements[:len(elements)-1]) {
		longer := element + "/" + short
		if utf8.RuneCountInString(longer)+len("…/")-2 > n {
			break
		}
		short = longer
	}
	return "…/" + short
}

// cut returns the first n columns of a text.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:max(n-1, 0)]) + "…"
}

// quoted returns a value in quotes if it would be taken for several without them.
// Quotes in it become single ones, which are read more easily than escaped ones.
func quoted(value string) string {
	value = strings.ReplaceAll(value, `"`, "'")
	if value != "" && !strings.ContainsAny(value, " =") || strings.Contains(value, "\n") {
		return value
	}
	return `"` + value + `"`
}
