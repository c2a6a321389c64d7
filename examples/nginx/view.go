// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// The columns of the live view, which fit a terminal of 80 columns.
const (
	headings = "%3s  %-8s %-11s %-11s %-8s %-8s %8s %6s %7s\n"
	columns  = "%3d  %-8s %-11s %-11s %-8s %-8s %8d %6d %7d\n"
	remarks  = "%3s  %-8s %s\n"
)

// heading prints the first line of the live view.
func (d *demo) heading() {
	fmt.Fprintf(d.out, headings, "#", "time", "on disk", "served", "verified", "expires", "requests", "failed", "reloads")
}

// show prints the line of a rotation.
func (d *demo) show(r rotation) {
	fmt.Fprintf(d.out, columns,
		r.number, r.at.Format(time.TimeOnly), short(r.disk), short(r.served), d.proof(r), r.disk.NotAfter.Local().Format(time.TimeOnly),
		d.traffic.requests.Load(), d.traffic.failed.Load(), r.reloads)
}

// remark prints a line between those of two rotations.
func (d *demo) remark(text string) {
	fmt.Fprintf(d.out, remarks, "", time.Now().Format(time.TimeOnly), text)
}

// proof returns what is shown for whether certagent verified the rotation.
func (d *demo) proof(r rotation) string {
	switch {
	case !d.form.proves:
		return "-"
	case r.verified:
		return "yes"
	}
	return "no"
}

// hear reads what certagent has logged since the last call, and shows failed
// checks.
func (d *demo) hear() error {
	news, err := d.story.listen()
	for range strings.Count(news, rolledBack) {
		d.remark("check failed: nginx keeps the certificate that it has")
	}
	return err
}

// short returns the first and the last two bytes of a serial number.
func short(c *x509.Certificate) string {
	text := serial(c)
	const end = len("00:00")
	if len(text) <= 2*end+len(":") {
		return text
	}
	return text[:end] + "…" + text[len(text)-end:]
}
