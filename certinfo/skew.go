// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certinfo

import (
	"fmt"
	"time"
)

// WrongClock describes a certificate that looked as if it was not valid when it was
// issued, because this host's clock and the server's differ. The zero value describes
// none.
type WrongClock struct {
	backdated, left time.Duration // from NotBefore, and to NotAfter, by the server's clock
}

// NewWrongClock returns the WrongClock of a certificate that was issued at a time of
// this host's clock, when the server's clock was ahead of it by skew (behind it if
// negative). It reports false if the difference does not explain why the certificate is
// not valid, which is the case if it is not valid by the server's clock either.
func NewWrongClock(notBefore, notAfter, issued time.Time, skew time.Duration) (WrongClock, bool) {
	server := issued.Add(skew)
	w := WrongClock{server.Sub(notBefore), notAfter.Sub(server)}
	if !notAfter.After(notBefore) || w.left <= 0 || w.backdated < -Tolerance {
		return WrongClock{}, false
	}
	return w, w.Explains(skew)
}

// Explains reports whether the next certificate would look as if it was not valid, too,
// if the server's clock is now ahead of this host's by skew.
func (w WrongClock) Explains(skew time.Duration) bool {
	switch {
	case w == WrongClock{} || skew == 0:
		return false
	case skew > 0:
		return skew-w.backdated > Tolerance
	}
	return -skew >= w.left
}

// SkewText says by how much the server's clock is ahead of this host's, or behind it.
func SkewText(skew time.Duration) string {
	direction := "ahead of"
	if skew < 0 {
		skew, direction = -skew, "behind"
	}
	return fmt.Sprintf("Vault's clock is %s %s this host's", about(skew), direction)
}

// about returns a duration in its largest unit, of which there are at least two.
func about(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if n := d.Round(unit.length) / unit.length; n >= 2 {
			return fmt.Sprintf("%d %s", n, unit.name)
		}
	}
	return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
}

// SkewHint says what to do about it.
func SkewHint(skew time.Duration) string { return SkewText(skew) + ": check NTP on both" }
