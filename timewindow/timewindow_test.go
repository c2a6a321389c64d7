// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package timewindow

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"02:00-05:00":               "02:00-05:00 Local",
		"22:00-04:30 Europe/Berlin": "22:00-04:30 Europe/Berlin",
		"00:00-24:00 UTC":           "00:00-24:00 UTC",
		"23:00-24:00 UTC":           "23:00-24:00 UTC",
		"02:00-05:00 +02:00":        "02:00-05:00 +02:00",
		"02:00-05:00  UTC":          "02:00-05:00 UTC",
		"2:00-5:00":                 "", "02:00": "", "02:00-25:00": "", "24:00-02:00": "", "02:00-02:00": "", "02:60-03:00": "",
		"": "", "02:00-05:00 ": "", "02:00-05:00 Nowhere/Land": "", "02:00 - 05:00": "",
	} {
		w, err := Parse(text, time.LoadLocation)
		if got := w.String(); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"2:00-5:00": ErrForm, "02:00-05:00 ": ErrForm, "02:00-02:00": ErrEmpty, "02:00-05:00 Nowhere/Land": ErrZone,
	} {
		if _, err := Parse(text, time.LoadLocation); err != want {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	if w := (Window{}); w.String() != "" || w.IsSet() {
		t.Error("the zero value is a window")
	}
}

func window(t *testing.T, text string) Window {
	t.Helper()
	w, err := Parse(text, time.LoadLocation)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// at returns a time of March 2026.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-2 15:04", "2026-03-"+text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		window, from string
		draw         float64
		want         string
	}{
		{"02:00-05:00 UTC", "2 00:00", 0, "2 02:00"},
		{"02:00-05:00 UTC", "2 00:00", 0.5, "2 03:30"},
		{"02:00-05:00 UTC", "2 02:00", 0, "2 02:00"},
		{"02:00-05:00 UTC", "2 03:30", 0.5, "2 03:30"},
		{"02:00-05:00 UTC", "2 04:00", 0.5, "2 04:00"},
		{"02:00-05:00 UTC", "2 04:59", 0.5, "2 04:59"},
		{"02:00-05:00 UTC", "2 05:00", 0.5, "3 03:30"},
		{"02:00-05:00 +02:00", "2 00:00", 0, "2 00:00"},
		{"02:00-05:00 +02:00", "2 03:00", 0, "3 00:00"},
		{"22:00-04:00 UTC", "2 01:00", 0, "2 01:00"},
		{"22:00-04:00 UTC", "2 01:00", 0.75, "2 02:30"},
		{"22:00-04:00 UTC", "2 04:00", 0, "2 22:00"},
		{"23:59-00:00 UTC", "2 12:00", 0, "2 23:59"},
	} {
		if got := window(t, c.window).Next(at(t, c.from), c.draw); !got.Equal(at(t, c.want)) {
			t.Errorf("%s after %s, draw %v: %v, want %s", c.window, c.from, c.draw, got, c.want)
		}
	}
}

func TestLast(t *testing.T) {
	for _, c := range []struct {
		window, after, before string
		draw                  float64
		want                  string // "" for none
	}{
		{"02:00-05:00 UTC", "1 00:00", "2 12:00", 0, "2 02:00"},
		{"02:00-05:00 UTC", "1 00:00", "2 12:00", 0.5, "2 03:30"},
		{"02:00-05:00 UTC", "1 00:00", "2 02:00", 0, "2 02:00"},
		{"02:00-05:00 UTC", "1 00:00", "2 01:59", 0, "1 02:00"},
		{"02:00-05:00 UTC", "1 02:00", "2 01:59", 0, "1 02:00"},
		{"02:00-05:00 UTC", "1 02:01", "2 01:59", 0, ""},
		{"22:00-04:00 UTC", "1 00:00", "2 12:00", 0, "1 22:00"},
	} {
		got, ok := window(t, c.window).Last(at(t, c.after), at(t, c.before), c.draw)
		if ok != (c.want != "") || ok && !got.Equal(at(t, c.want)) || !ok && !got.IsZero() {
			t.Errorf("%s between %s and %s, draw %v: %v, want %q", c.window, c.after, c.before, c.draw, got, c.want)
		}
	}
}

func TestEqual(t *testing.T) {
	w := window(t, "02:00-05:00 UTC")
	if !w.Equal(window(t, "02:00-05:00 UTC")) || w.Equal(window(t, "02:00-05:00 +02:00")) || w.Equal(Window{}) {
		t.Error("windows are compared wrongly")
	}
}
