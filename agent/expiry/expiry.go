// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package expiry decides what is said about the end of the certificates in use:
// warnings while one is not replaced, an error when it ends, and another one for
// each hour in which it is still in use.
//
// It is pure: it reads no clock, and writes no log.
package expiry

import "time"

// Facts are what is known of a bundle's certificates in use.
type Facts struct {
	// Serial and Ends are those of the first that ends. A zero time means that none is
	// in use.
	Serial string
	Ends   time.Time
	// Trouble reports whether something keeps it from being replaced.
	Trouble bool
	// Unsure is set if it is not known whether anybody uses it. That it has ended is
	// then said once only, and no warning comes before.
	Unsure bool
}

// Watch is what was said about one bundle. The zero value has said nothing.
type Watch struct {
	serial  string
	ends    time.Time
	since   time.Time // when the trouble began; zero for none
	said    int       // how many of the warnings
	erred   time.Time // when it was last said that it has ended; zero for never
	unsure  bool      // that of the facts
	renewed bool      // that one has ended was said, and of another one nothing
}

// Notice is what is to be said now.
type Notice int

// The notices.
const (
	Nothing  Notice = iota
	Warning         // it ends soon and is not replaced yet
	Ended           // it has ended and is still in use
	Replaced        // the one that had ended is not in use any more
)

// fractions are the parts of the life that remained when the trouble began: at each
// of them that is left, a warning comes.
var fractions = []float64{0.5, 0.25, 0.1}

// brief is how long trouble lasts at least before a warning comes: a change that is
// pending for a moment is not worth one.
const brief = 3 * time.Second

// again is how often it is said that a certificate has ended.
const again = time.Hour

// Look returns what is to be said now and the watch that follows. Times are those of
// the wall clock, which may jump.
func (w Watch) Look(f Facts, now time.Time) (Watch, Notice) {
	if f.Serial != w.serial || !f.Ends.Equal(w.ends) {
		w = Watch{serial: f.Serial, ends: f.Ends, since: w.since, renewed: !w.erred.IsZero() || w.renewed}
	}
	w.since, w.unsure = w.begun(f.Trouble, now), f.Unsure
	if w.erred.After(now) { // the clock was set back
		w.erred = time.Time{}
	}
	switch {
	case w.ends.IsZero():
		return w, Nothing
	case !now.Before(w.ends):
		if w.erred.IsZero() || now.Sub(w.erred) >= again && !f.Unsure {
			w.erred, w.renewed = now, false
			return w, Ended
		}
		return w, Nothing
	case w.renewed:
		w.renewed = false
		return w, Replaced
	}
	due := 0
	for due < len(fractions) && !w.warns(due).IsZero() && !now.Before(w.warns(due)) {
		due++
	}
	notice := Nothing
	if due > w.said {
		w.said = due
		if !f.Unsure {
			notice = Warning
		}
	}
	return w, notice
}

// begun returns since when there is trouble. What has trouble and another end than
// before has had it since before.
func (w Watch) begun(trouble bool, now time.Time) time.Time {
	switch {
	case !trouble:
		return time.Time{}
	case w.since.IsZero() || w.since.After(now): // or the clock was set back
		return now
	}
	return w.since
}

// warns returns when the warning with that index is due; zero for never.
func (w Watch) warns(index int) time.Time {
	if w.since.IsZero() || w.ends.IsZero() || !w.since.Before(w.ends) {
		return time.Time{}
	}
	left := time.Duration(float64(w.ends.Sub(w.since)) * fractions[index])
	at := w.ends.Add(-left)
	if earliest := w.since.Add(brief); at.Before(earliest) {
		at = earliest
	}
	if !at.Before(w.ends) {
		return time.Time{}
	}
	return at
}

// Since returns since when something keeps the certificate from being replaced; zero
// if nothing does.
func (w Watch) Since() time.Time { return w.since }

// Next returns when to look again at the latest; zero if time alone changes nothing.
func (w Watch) Next() time.Time {
	switch {
	case w.ends.IsZero():
		return time.Time{}
	case !w.erred.IsZero() && w.unsure:
		return time.Time{}
	case !w.erred.IsZero():
		return w.erred.Add(again)
	case w.said < len(fractions) && !w.warns(w.said).IsZero():
		return w.warns(w.said)
	}
	return w.ends
}
