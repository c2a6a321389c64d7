// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package status

import (
	"fmt"
	"strings"
	"time"
)

// overdue is how long after its time a renewal is reported as overdue: it always takes
// some seconds.
const overdue = time.Minute

// Line returns the status as one line for people. What has expired counts neither as
// published nor as served. Time alone does not change it, until
// a renewal is near or overdue, or a certificate expires.
func (a Agent) Line(now time.Time) string {
	parts := []string{a.head(now)}
	expired := a.names(func(b Bundle) bool { return b.Expired(now) })
	if expired != "" {
		parts = append(parts, "expired: "+expired)
	}
	if owed := a.owed(); owed > 0 {
		parts = append(parts, count(owed, "change")+" pending")
	}
	if vetoed := a.names(func(b Bundle) bool { return b.Check == Vetoed && b.Published }); vetoed != "" {
		parts = append(parts, "refused by the check: "+vetoed)
	}
	if n := len(a.Bundles); n > 0 && (a.published(now) == n || expired != "") && a.LoginError != "" {
		parts = append(parts, "not logged in")
	}
	if at, tries := a.renews(); !at.IsZero() {
		parts = append(parts, renewal(at, tries, now))
	}
	return strings.Join(parts, "; ")
}

// head returns how many bundles are published, and what the others wait for.
func (a Agent) head(now time.Time) string {
	n := len(a.Bundles)
	progress := fmt.Sprintf("%d of %s published", a.published(now), count(n, "bundle"))
	switch {
	case n == 0 && a.Login == Nothing:
		return "logged in, no bundles"
	case n == 0:
		progress = "not logged in"
	case a.published(now) == n:
		return count(n, "bundle") + ", " + a.served(now)
	}
	switch {
	case a.Login == Operator:
		return "cannot log in: " + progress
	case a.AwaitsVault():
		return "waiting for Vault: " + progress
	case a.names(func(b Bundle) bool { return !b.Published && b.Awaits == Operator }) != "":
		return "refused by Vault: " + progress
	case a.names(func(b Bundle) bool { return !b.Published && b.Check == Vetoed }) != "":
		return "refused by the check: " + progress
	}
	return progress
}

// served returns how many of the bundles, which are all published, are being served.
func (a Agent) served(now time.Time) string {
	asked, served := 0, 0
	for _, b := range a.Bundles {
		if b.Proof != NoProof {
			asked++
		}
		if b.Proof == Served && b.good(now) {
			served++
		}
	}
	all := ""
	if len(a.Bundles) > 1 {
		all = "all "
	}
	switch {
	case asked == 0:
		return all + "published"
	case served == len(a.Bundles):
		return all + "served"
	case served == asked:
		return fmt.Sprintf("%spublished, %d served", all, served)
	}
	return fmt.Sprintf("%spublished, %d of %d served", all, served, asked)
}

// renewal returns when the next renewal is, or since when it is overdue and when it is
// tried next; a zero time if that is not known.
func renewal(at, tries, now time.Time) string {
	late := now.Sub(at) > overdue
	switch {
	case late && tries.After(now):
		return "renewal overdue since " + clock(at, now) + ", next attempt " + clock(tries, now)
	case late:
		return "renewal overdue since " + clock(at, now)
	case tries.After(at):
		return "next attempt " + clock(tries, now)
	}
	return "next renewal " + clock(at, now)
}

// clock returns a time of the day, with the date if that is not near.
func clock(at, now time.Time) string {
	layout := "15:04:05Z"
	if at.Sub(now).Abs() > 12*time.Hour {
		layout = "2006-01-02T15:04:05Z"
	}
	return at.UTC().Format(layout)
}

// count returns a number with its noun: "1 bundle" or "3 bundles".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
