// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package timewindow computes with a window of time that recurs every day, such as
// a maintenance window.
//
// It is pure: times and the lookup of time zones are arguments.
package timewindow

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Window is a time of the day, every day. The zero value is the whole day.
type Window struct {
	from, to int // minutes since midnight; to is after from, also over midnight
	zone     *time.Location
}

// The errors of Parse.
var (
	ErrForm  = errors.New(`not a window such as "02:00-05:00" or "22:00-04:00 Europe/Berlin"`)
	ErrEmpty = errors.New("starts and ends at the same time")
	ErrZone  = errors.New("unknown time zone")
)

// day is the number of minutes of most days.
const day = 24 * 60

var clockTimes = regexp.MustCompile(`^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)$`)

// Parse reads a window such as "02:00-05:00", which may be followed by a time zone:
// a name such as "Europe/Berlin" or "UTC", or an offset such as "+02:00". It may
// span midnight. zone finds time zones by name, as time.LoadLocation does; for a
// window without a zone it is called with "Local".
func Parse(text string, zone func(name string) (*time.Location, error)) (Window, error) {
	times, name, given := strings.Cut(text, " ")
	m := clockTimes.FindStringSubmatch(times)
	if m == nil || given && strings.TrimSpace(name) == "" {
		return Window{}, ErrForm
	}
	w := Window{from: minutes(m[1]), to: minutes(m[2])}
	if w.from == w.to {
		return Window{}, ErrEmpty
	}
	if w.to < w.from {
		w.to += day
	}
	name = strings.TrimSpace(name)
	if !given {
		name = "Local"
	}
	if offset, err := time.Parse("-07:00", name); err == nil {
		_, seconds := offset.Zone()
		w.zone = time.FixedZone(name, seconds)
		return w, nil
	}
	found, err := zone(name)
	if err != nil {
		return Window{}, ErrZone
	}
	w.zone = found
	return w, nil
}

// minutes converts a time of the day that clockTimes has matched.
func minutes(clock string) int {
	n := func(text string) int { return int(text[0]-'0')*10 + int(text[1]-'0') }
	return n(clock[:2])*60 + n(clock[3:])
}

// IsSet reports whether the window is not the whole day.
func (w Window) IsSet() bool { return w.zone != nil }

// String returns the window as it may be configured; "" for the whole day.
func (w Window) String() string {
	if !w.IsSet() {
		return ""
	}
	to := w.to
	if to > day {
		to -= day
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d %s", w.from/60, w.from%60, to/60, to%60, w.zone)
}

// Equal reports whether two windows are the same.
func (w Window) Equal(v Window) bool { return w.String() == v.String() }

// on returns the window that opens on the day of t, or so many days later. Where
// clocks are set forward or back meanwhile, it is an hour shorter or longer.
func (w Window) on(t time.Time, days int) (from, to time.Time) {
	y, m, d := t.In(w.zone).Date()
	at := func(minute int) time.Time { return time.Date(y, m, d+days, 0, minute, 0, 0, w.zone) }
	return at(w.from), at(w.to)
}

// moment returns the host's own moment within a window, so that not all hosts act
// when it opens.
func moment(from, to time.Time, draw float64) time.Time {
	return from.Add(time.Duration(float64(to.Sub(from)) * draw))
}

// Next returns the first moment of the host's own from t on, or t itself if that
// moment has passed while the window is still open. draw, in [0,1), tells hosts
// apart. The window must be set.
func (w Window) Next(t time.Time, draw float64) time.Time {
	for days := -1; ; days++ {
		from, to := w.on(t, days)
		if at := moment(from, to, draw); !at.Before(t) {
			return at
		}
		if !t.Before(from) && t.Before(to) {
			return t
		}
	}
}

// Last returns the last moment of the host's own between two times, if there is
// one. The window must be set.
func (w Window) Last(after, before time.Time, draw float64) (time.Time, bool) {
	for days := 0; ; days-- {
		from, to := w.on(before, days)
		at := moment(from, to, draw)
		if at.Before(after) {
			return time.Time{}, false
		}
		if !at.After(before) {
			return at, true
		}
	}
}
