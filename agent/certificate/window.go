// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
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

// day is how many minutes most days have.
const day = 24 * 60

var clockTimes = regexp.MustCompile(`^(\d\d):([0-5]\d)-(\d\d):([0-5]\d)$`)

// ParseWindow reads a window such as "02:00-05:00", which may be followed by a
// time zone: a name such as "Europe/Berlin" or "UTC", or an offset such as
// "+02:00". It may go over midnight. zone finds time zones by their name, as
// time.LoadLocation does; it is asked for "Local" where none is given.
func ParseWindow(text string, zone func(name string) (*time.Location, error)) (Window, error) {
	times, name, given := strings.Cut(text, " ")
	m := clockTimes.FindStringSubmatch(times)
	if m == nil || given && strings.TrimSpace(name) == "" {
		return Window{}, notWindow(text)
	}
	w := Window{from: minutes(m[1], m[2]), to: minutes(m[3], m[4])}
	if w.from >= day || w.to > day {
		return Window{}, notWindow(text)
	}
	if w.from == w.to {
		return Window{}, fmt.Errorf("%q ends when it begins", text)
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
		return Window{}, fmt.Errorf("the time zone %q is not known: %w", name, err)
	}
	w.zone = found
	return w, nil
}

func notWindow(text string) error {
	return fmt.Errorf("%q is not a time of the day such as %q or %q", text, "02:00-05:00", "22:00-04:00 Europe/Berlin")
}

// minutes reads what the expression has matched: digits.
func minutes(hours, mins string) int {
	n := func(text string) int { return int(text[0]-'0')*10 + int(text[1]-'0') }
	return n(hours)*60 + n(mins)
}

func (w Window) present() bool { return w.zone != nil }

// String is the window as it may be configured; "" for the whole day.
func (w Window) String() string {
	if !w.present() {
		return ""
	}
	to := w.to
	if to > day {
		to -= day
	}
	return fmt.Sprintf("%02d:%02d-%02d:%02d %s", w.from/60, w.from%60, to/60, to%60, w.zone)
}

// on returns the window that opens on the day of t, or so many days later. Where
// clocks are set forward or back meanwhile, it is an hour shorter or longer.
func (w Window) on(t time.Time, days int) (from, to time.Time) {
	y, m, d := t.In(w.zone).Date()
	at := func(minute int) time.Time { return time.Date(y, m, d+days, 0, minute, 0, 0, w.zone) }
	return at(w.from), at(w.to)
}

// moment is the host's own within a window, so that not all begin when it opens.
func moment(from, to time.Time, draw float64) time.Time { return from.Add(part(to.Sub(from), draw)) }

// next is the first moment from t on that is the host's own, or t itself if that
// has passed and the window is open still.
func (w Window) next(t time.Time, draw float64) time.Time {
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

// last is the last moment of the host's own between two times, if there is one.
func (w Window) last(after, before time.Time, draw float64) (time.Time, bool) {
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
