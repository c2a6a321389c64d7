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
	if w := (Window{}); w.String() != "" || w.IsSet() {
		t.Error("the zero value is a window")
	}
}
